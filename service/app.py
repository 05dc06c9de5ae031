"""Joins the parts: settings, database and clock become something that can serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from service.clock import Clock, system_now
from service.settings import Settings
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.secrets import Vault
from service.web.deps import WebParts
from service.web.site import build_site


class NoSecrets(Exception):
    """There is nothing to seal patients' data with; the message says what to set."""


@dataclass(frozen=True)
class Parts:
    """What every command works with."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    vault: Vault
    now: Clock


def join(settings: Settings, now: Clock = system_now) -> Parts:
    """Open the database with its secrets; raises `NoSecrets` in live mode without any."""
    vault = Vault(settings.secret_keys or (_sandbox_secret(settings),))
    engine = open_engine(settings.database_url, vault)
    return Parts(settings, engine, open_sessions(engine), vault, now)


def site(parts: Parts) -> FastAPI:
    """Return the web application on these parts."""
    return build_site(WebParts(parts.engine, parts.sessions, parts.now))


def _sandbox_secret(settings: Settings) -> str:
    """Return the sandbox's own secret, kept beside its database so that it can start again."""
    if settings.mode == "live":
        raise NoSecrets("AFTERCARE_SECRET_KEYS is missing: run `aftercare check`.")
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise NoSecrets("AFTERCARE_SECRET_KEYS is needed with this database, also in the sandbox.")
    path = Path(url.database).with_suffix(".sandbox-secret")
    if not path.exists():
        import secrets

        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()
