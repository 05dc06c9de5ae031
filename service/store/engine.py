"""How the databases are opened, so that nothing acknowledged is lost and nobody waits unlocked."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

from service.store.secrets import Vault
from service.store.turns import Turns

Sessions = sessionmaker[Session]

_BUSY_SECONDS = 10
FROZEN_SECONDS = 20.0
"""Real seconds for which a transaction may do nothing, on PostgreSQL, before it is ended.

As long as a claim may take to be posted: a worker that stands still in its claim would else hold
its clinics' rows, and nobody would send for them (`reliability.md` F4).
"""
_BETWEEN_TRIES = 0.001
_PATIENCE = f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}"
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    _PATIENCE,
    "PRAGMA temp_store=MEMORY",
    # What is erased is overwritten with zeros, not left in free pages.
    "PRAGMA secure_delete=ON",
)

_READS_ONLY = "aftercare_reads_only"
_HIDDEN = True
"""Parameters are patients' data: they are left out of errors, which are printed."""


def open_engine(
    url: str, vault: Vault, *, pool_size: int = 20, frozen_after: float = FROZEN_SECONDS
) -> Engine:
    """Open the database at `url`; `postgresql://` means psycopg 3.

    SQLite is opened in WAL with `synchronous=FULL` and every transaction begins `IMMEDIATE`:
    deferred, 673 of 800 read-then-write transactions failed "locked". The threads of this process
    wait their turn in a line of our own: SQLite lets whoever asks at the right moment go first, and
    with sixteen at it some waited for ten seconds and failed.
    """
    address = make_url(url)
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite":
        engine = create_engine(address, hide_parameters=_HIDDEN)
        event.listen(engine, "connect", _prepare_sqlite)
        _let_threads_take_turns(engine)
    else:
        limit = round(frozen_after * 1000)
        options = f"-c timezone=UTC -c idle_in_transaction_session_timeout={limit}"
        engine = create_engine(
            address,
            hide_parameters=_HIDDEN,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            # A dead primary must not hold a request for longer than a provider would wait for us.
            connect_args={"connect_timeout": 5, "options": options},
        )
    engine.dialect.aftercare_vault = vault  # type: ignore[attr-defined]  # read by store.secrets
    return engine


def open_sessions(engine: Engine) -> Sessions:
    """Return the maker of database sessions; rows stay readable after their commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that reads the database as it is at one moment and keeps nobody waiting.

    On SQLite the write-ahead log cannot be emptied meanwhile, so it grows with what is written.
    """
    options = (
        {_READS_ONLY: True}
        if engine.dialect.name == "sqlite"
        else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def empty_write_ahead_log(engine: Engine) -> bool:
    """Carry SQLite's log into its file and empty it, so that no older page is left in it.

    To be called when no transaction of one's own is open. False when others kept it in use: the
    next call, or the last connection to close, empties it. Other databases look after themselves.
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy, *_ = cursor.fetchone() or (1,)
        cursor.close()
    finally:
        connection.close()
    return not busy


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own accord: ours begin IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_immediately(connection: Connection) -> None:
    """Begin to write as soon as no other process does; raises the driver's error after a while.

    SQLite's own waiting sleeps for up to a tenth of a second between its tries: a process that
    writes all the time, as the web does in a burst, would keep a worker out for seconds.
    """
    driver: Any = connection.connection.dbapi_connection
    until = time.monotonic() + _BUSY_SECONDS
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < until:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                time.sleep(_BETWEEN_TRIES)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(_PATIENCE)


def _let_threads_take_turns(engine: Engine) -> None:
    turns = Turns()

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(_READS_ONLY, False):
            connection.exec_driver_sql("BEGIN")
            return
        # The lock in the file decides; who waited in line in vain may still try for it.
        turns.take(connection.connection.dbapi_connection, _BUSY_SECONDS)
        _begin_immediately(connection)

    def over(driver_connection: object, *_: object) -> None:
        turns.give_back(driver_connection)

    event.listen(engine, "begin", begin)
    # Not at "commit", which is told of before the commit is done.
    for end in ("checkin", "invalidate", "close"):
        event.listen(engine, end, over)
