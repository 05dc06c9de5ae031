"""Commands that copy the database to a sealed file, and make a new database from one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.checking import database_problems
from service.cli.opening import fail, open_parts
from service.parts import at_speed
from service.store.pause import WHY

if TYPE_CHECKING:
    from service.store.archive import Contents, Told

_TELL_EVERY = 2.0
"""Seconds between two lines about the same table."""


def backup(
    path: Annotated[Path, typer.Argument(help="The file to make; nothing is overwritten.")],
) -> None:
    """Copy the whole database to one sealed file while everything runs."""
    from service.store import backup as copies

    parts = open_parts()
    for problem in database_problems(parts.settings.database_url):
        fail(problem)
    try:
        now = at_speed(parts).now()
        made = copies.back_up(parts.engine, parts.vault, path, now, _progress())
    except copies.NotDone as why:
        fail(str(why))
    typer.echo(f"{path}: {_told(made)}.")


def restore(
    path: Annotated[Path, typer.Argument(help="A file that `aftercare backup` made.")],
) -> None:
    """Make a new database from a backup; sending stays paused until the provider was asked."""
    from service.store import backup as copies

    parts = open_parts()
    try:
        found = copies.restore(parts.engine, parts.vault, path, parts.now(), _progress())
    except copies.NotDone as why:
        fail(str(why))
    typer.echo(f"Restored: {_told(found)}.")
    typer.echo(f"Now start `aftercare worker` or `aftercare serve`: {WHY}.")


def _told(contents: Contents) -> str:
    rows, tables = sum(contents.rows.values()), len(contents.rows)
    return f"{rows} rows of {tables} tables, as they were at {contents.taken_at:%Y-%m-%d %H:%M} UTC"


def _progress() -> Told:
    """Return what tells of a table every few seconds, on standard error."""
    last: dict[str, float] = {}

    def told(table: str, rows: int) -> None:
        if time.monotonic() - last.get(table, 0.0) >= _TELL_EVERY:
            last[table] = time.monotonic()
            typer.echo(f"{table}: {rows} rows", err=True)

    return told
