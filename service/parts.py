"""The parts that every command works with: settings, database, secrets, clock."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from service.clock import Clock, fast_clock, system_now
from service.domain.protocol.editions import read_editions_with
from service.pathway.links import Links
from service.settings import Settings
from service.store.editions import editions_in
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.sandbox_clock import SEEN_EVERY, has_clock, join_clock, live_by_clock
from service.store.secrets import Vault


class NotInLive(Exception):
    """Something for trying out was asked for where real patients are."""


class NoSecrets(Exception):
    """There is nothing to seal patients' data with; the message says what to set."""


@dataclass(frozen=True)
class Parts:
    """What every command works with."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    vault: Vault
    links: Links
    now: Clock


def join(settings: Settings) -> Parts:
    """Open the database with its secrets; raises `NoSecrets` in live mode without any."""
    keys = settings.secret_keys or (_sandbox_secret(settings),)
    vault, links = Vault(keys), Links(settings.public_url, keys)
    engine = open_engine(settings.database_url, vault)
    read_editions_with(editions_in(engine))
    return Parts(settings, engine, open_sessions(engine), vault, links, system_now)


def at_speed(parts: Parts) -> Parts:
    """Return the parts with the clock that all processes of this sandbox share.

    The database must be at the current version: it holds the clock, which never goes back. Where
    time was never fast, and in live mode, the clock is the real one.
    """
    settings = parts.settings
    with parts.sessions.begin() as db:
        if settings.mode == "live" or (settings.speed == 1 and not has_clock(db)):
            return parts
        anchor = join_clock(db, system_now(), settings.speed)
    threading.Thread(target=_live_by_clock, args=(parts.sessions,), daemon=True).start()
    return replace(parts, now=fast_clock(anchor.began_at, anchor.speed, start=anchor.shown_at))


def _live_by_clock(sessions: Sessions) -> None:
    """Say again and again that somebody lives by the shared clock, so that it does not stop."""
    while True:
        time.sleep(SEEN_EVERY.total_seconds())
        # A database that is away stops no clock; the next time will do.
        with suppress(SQLAlchemyError), sessions.begin() as db:
            live_by_clock(db, system_now())


def refuse_live(settings: Settings) -> None:
    """Raise `NotInLive` where real patients are."""
    if settings.mode == "live":
        raise NotInLive("The sandbox does not run in live mode.")


def _sandbox_secret(settings: Settings) -> str:
    """Return the sandbox's own secret, kept beside its database so that it can start again."""
    if settings.mode == "live":
        raise NoSecrets("AFTERCARE_SECRET_KEYS is missing: run `aftercare check`.")
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise NoSecrets("AFTERCARE_SECRET_KEYS is needed with this database, also in the sandbox.")
    path = Path(url.database).with_suffix(".sandbox-secret")
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()
