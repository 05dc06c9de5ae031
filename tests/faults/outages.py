"""Ways in which a database is taken away for a while, for real, and given back."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from unittest.mock import patch

from sqlalchemy.engine import make_url

from service.store import engine
from tests.faults.campaign import Database
from tests.postgres import PostgresServer

BUSY_SECONDS = 0.3
"""How long SQLite is waited for here, in place of ten seconds."""


class Outage(Protocol):
    """One way; between the two calls the database cannot be used."""

    def strike(self) -> None:
        """Take it away, whoever is using it."""

    def mend(self) -> None:
        """Give it back; returns when it can be used again."""


class Restart:
    """PostgreSQL ends at once, as by a power cut, and is started again: it must recover."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def strike(self) -> None:
        self._server.end_at_once()

    def mend(self) -> None:
        self._server.start()


class Locked:
    """Another process holds SQLite's lock for writing."""

    def __init__(self, path: str) -> None:
        self._holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD_WHEN_TOLD, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._heard()

    def strike(self) -> None:
        self._say("hold")
        # Who strikes may be in a transaction: then the lock is had when that is over.
        assert self._holder.stdout is not None
        select.select([self._holder.stdout], [], [], 0.05)

    def mend(self) -> None:
        self._say("let go")
        while self._heard() != "gone":
            pass

    def close(self) -> None:
        """End the other process."""
        with self._holder:
            self._holder.kill()

    def _say(self, what: str) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.write(f"{what}\n")

    def _heard(self) -> str:
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline().strip()
        if not said:
            raise RuntimeError("who holds the lock is gone")
        return said


_HOLD_WHEN_TOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
print("ready", flush=True)
while sys.stdin.readline():
    database.execute("BEGIN EXCLUSIVE")
    print("held", flush=True)
    sys.stdin.readline()
    database.execute("ROLLBACK")
    print("gone", flush=True)
"""


@contextmanager
def outage_of(database: Database) -> Iterator[Outage]:
    """Yield the way this kind of database is taken away."""
    if database.kind != "sqlite":
        if database.server is None:
            raise RuntimeError("only a PostgreSQL of one's own can be ended")
        try:
            yield Restart(database.server)
        finally:
            if not database.server.runs:
                database.server.start()
        return
    locked = Locked(make_url(database.url).database or "")
    try:
        yield locked
    finally:
        locked.close()


@contextmanager
def impatient_sqlite() -> Iterator[None]:
    """Engines opened meanwhile wait `BUSY_SECONDS` for a lock: the real time is ten seconds."""
    waits = f"PRAGMA busy_timeout={round(BUSY_SECONDS * 1000)}"
    pragmas = (*(one for one in engine._SQLITE_PRAGMAS if "busy" not in one), waits)
    with (
        patch.object(engine, "_BUSY_SECONDS", BUSY_SECONDS),
        patch.object(engine, "_SQLITE_PRAGMAS", pragmas),
    ):
        yield
