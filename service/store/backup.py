"""A copy of the database in one sealed file, and an empty database made from one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from service.store import audit, schema
from service.store.archive import Contents, Told, check_archive, load_archive, write_archive
from service.store.engine import snapshot
from service.store.pause import pause_sending
from service.store.secrets import Unreadable, Vault
from service.store.tables import metadata


class NotDone(Exception):
    """A backup or a restore was not made, and nothing is left of it; the message says why."""


def back_up(engine: Engine, vault: Vault, path: Path, now: datetime, told: Told) -> Contents:
    """Write the database as it is at one moment to `path`, while everybody goes on working.

    Raises `NotDone`: the file appears whole, or not at all.
    """
    version = schema.current_version()
    if version is None or not schema.is_current(engine):
        raise NotDone("The database is not at the current version: run `aftercare migrate`.")
    with _new_file(path) as file, snapshot(engine) as connection:
        return write_archive(connection, metadata, file, vault, now, version, told)


def restore(engine: Engine, vault: Vault, path: Path, now: datetime, told: Told) -> Contents:
    """Fill an empty database from a backup, and pause its sending; raises `NotDone`.

    The file is read to its end before the database is touched, and everything is one transaction.
    """
    contents = _checked(path, vault)
    try:
        with _nothing_left_of_failure(engine), engine.begin() as connection:
            if inspect(connection).get_table_names():
                raise NotDone("The database is not empty: a backup is restored into a new one.")
            schema.upgrade(connection, contents.version)
            with _references_later(connection):
                load_archive(path, connection, vault, told)
            _refuse_other_counts(connection, contents)
            schema.upgrade(connection)
            with Session(connection) as db:
                _refuse_broken_chain(db)
                pause_sending(db, contents.taken_at, max(now, contents.taken_at))
                db.flush()
    except Unreadable as problem:
        raise NotDone(f"{path} cannot be restored: {problem}.") from problem
    except DBAPIError as problem:
        # Their words hold rows.
        kind = type(problem.orig).__name__
        raise NotDone(f"{path} does not fit into the database ({kind}).") from None
    return contents


@contextmanager
def _nothing_left_of_failure(engine: Engine) -> Iterator[None]:
    """Remove the file that SQLite makes at its first use, should it come to nothing."""
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    is_new = file is not None and not Path(file).exists()
    try:
        yield
    except BaseException:
        engine.dispose()
        if file is not None and is_new:
            for ending in ("", "-wal", "-shm"):
                Path(file + ending).unlink(missing_ok=True)
        raise


def _checked(path: Path, vault: Vault) -> Contents:
    try:
        contents = check_archive(path, vault)
    except Unreadable as problem:
        raise NotDone(f"{path} cannot be restored: {problem}.") from problem
    except OSError as problem:
        raise NotDone(f"{path} cannot be read: {problem.strerror}.") from problem
    if not schema.can_upgrade_from(contents.version):
        raise NotDone(f"{path} cannot be restored: made by a newer version of Aftercare.")
    return contents


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name only when it is whole and on the disk."""
    if path.exists():
        raise NotDone(f"{path} is there already: a backup never replaces another file.")
    try:
        # Made for its owner alone.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as problem:
        raise NotDone(f"{path} cannot be written: {problem.strerror}.") from problem
    try:
        with open(handle, "wb") as file:  # it is a handle, not a path
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name_it(Path(name), path)
    except OSError as problem:
        raise NotDone(f"{path} cannot be written: {problem.strerror}.") from problem
    finally:
        Path(name).unlink(missing_ok=True)


def _name_it(whole: Path, path: Path) -> None:
    if path.exists():
        raise NotDone(f"{path} is there already: a backup never replaces another file.")
    whole.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _references_later(connection: Connection) -> Iterator[None]:
    """Let rows come in any order; at the end every reference must have its row."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        yield
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise Unreadable("not whole: a row refers to another that is not there")
        return
    references = [
        (table, key["name"])
        for table in inspect(connection).get_table_names()
        for key in inspect(connection).get_foreign_keys(table)
    ]
    quote = connection.dialect.identifier_preparer.quote
    change = "ALTER TABLE {} ALTER CONSTRAINT {} {}"
    for table, name in references:
        waits = change.format(quote(table), quote(name or ""), "DEFERRABLE INITIALLY DEFERRED")
        connection.execute(text(waits))
    yield
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for table, name in references:
        as_was = change.format(quote(table), quote(name or ""), "NOT DEFERRABLE")
        connection.execute(text(as_was))


def _refuse_other_counts(connection: Connection, contents: Contents) -> None:
    for name, expected in contents.rows.items():
        found = connection.scalar(select(func.count()).select_from(text(f'"{name}"')))
        if found != expected:
            raise Unreadable(f"{found} of {expected} rows arrived in {name}")


def _refuse_broken_chain(db: Session) -> None:
    broken = audit.first_broken(db)
    if broken is not None:
        raise Unreadable(f"its audit trail was changed at entry {broken}")
