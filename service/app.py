"""Joins the parts: settings, database and clock become something that can serve."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from service.clock import Clock, system_now
from service.domain import deadlines
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.triage import read_reply
from service.pathway.receipts import record_receipt
from service.pathway.rules import Rules
from service.settings import Settings
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.secrets import Vault
from service.web.deps import WebParts
from service.web.site import build_site
from service.web.webhooks import TwilioWebhook
from service.web.webhooks import router as webhook_routes


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
    """Return the web application on these parts; webhooks only where there is a Twilio account."""
    settings = parts.settings
    web = WebParts(parts.engine, parts.sessions, parts.now)
    if not settings.twilio_account_sid or not settings.twilio_auth_token:
        return build_site(web)
    twilio = TwilioWebhook(
        settings.twilio_account_sid, settings.twilio_auth_token, settings.public_url
    )
    return build_site(
        web, webhook_routes(parts.sessions, twilio, reply_rules(), record_receipt, parts.now)
    )


def reply_rules() -> Rules:
    """Return the rules by which replies are read and flags get their deadlines."""
    regions = load_protocol(CURRENT_VERSION).regions
    return Rules(
        read_reply=read_reply,
        flag_deadline=deadlines.flag_deadline,
        call_by=deadlines.call_by,
        is_open=deadlines.is_open,
        next_opening=deadlines.next_opening,
        chest_adjacent=lambda codes: any(regions[code].chest_adjacent for code in codes),
        protocol_version=CURRENT_VERSION,
    )


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
