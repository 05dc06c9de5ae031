"""What stands in the way of going live, told all at once, and why a live start is refused."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import NoReturn

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from service.cli.opening import fail
from service.settings import Settings, WrongSetting, read_settings, unsafe_for_live
from service.store.engine import open_engine, open_sessions
from service.store.pause import WHY, pause_of
from service.store.secrets import Vault


def check() -> None:
    """Say what is missing or unsafe for sending to real patients; exit 1 if anything is."""
    try:
        settings = read_settings()
    except WrongSetting as wrong:
        # The rest cannot be judged before this one can be read.
        _tell([str(wrong)])
    if settings.secret_keys:
        from service.pathway.inbound_mail import inbound_url

        door = inbound_url(settings.public_url, Vault(settings.secret_keys))
        typer.echo(f"A mail relay may post answers to this address, which is a secret:\n  {door}")
    if settings.imap_url is None:
        typer.echo(
            "No mailbox is polled (AFTERCARE_IMAP_URL): answers by email come by a relay only."
        )
    problems = [*unsafe_for_live(settings), *database_problems(settings.database_url)]
    problems = problems or pause_problems(settings.database_url)
    if problems:
        _tell(problems)
    typer.echo("Nothing is missing: the configuration is ready for live use.")


def refuse_unsafe(settings: Settings) -> None:
    """End the command where real patients would be served on an unsafe configuration."""
    problems = unsafe_for_live(settings) if settings.mode == "live" else []
    if problems:
        fail("Not started, because live mode needs more:\n  - " + "\n  - ".join(problems))


def database_problems(url: str) -> list[str]:
    """Return, in plain words, why the database cannot be used as it is; it is only looked at."""
    from service.store import schema

    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        # Opening it would make it.
        return ["There is no database yet: run `aftercare migrate`."]
    # Nothing sealed is read, so any secret will do.
    engine = open_engine(url, Vault([secrets.token_hex(32)]))
    try:
        if not schema.is_current(engine):
            return ["The database is not at the current version: run `aftercare migrate`."]
    except SQLAlchemyError:
        return ["AFTERCARE_DATABASE_URL names a database that does not answer, or lets nobody in."]
    finally:
        engine.dispose()
    return []


def pause_problems(url: str) -> list[str]:
    """Return why a database that can be used sends nothing."""
    engine = open_engine(url, Vault([secrets.token_hex(32)]))
    with open_sessions(engine)() as db:
        paused = pause_of(db)
    engine.dispose()
    return [f"{WHY[0].upper()}{WHY[1:]}."] if paused else []


def _tell(problems: list[str]) -> NoReturn:
    typer.echo("Not ready for live use:")
    for problem in dict.fromkeys(problems):
        typer.echo(f"  - {problem}")
    raise typer.Exit(1)
