"""Joins the parts: settings, database and clock become something that can serve."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from service.clock import Clock, fast_clock, system_now
from service.domain import deadlines
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.triage import read_reply
from service.domain.values import Channel
from service.gateways.first_use import MadeAtFirstUse
from service.gateways.twilio_lookups import TwilioLookUps
from service.gateways.twilio_sms import TWILIO_API_URL, TwilioAccount, TwilioGateway
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.escalation import tell_staff
from service.pathway.lateness import judge_again
from service.pathway.links import Links
from service.pathway.missed_texts import fetch_missed_texts
from service.pathway.receipts import record_receipt
from service.pathway.rules import Rules
from service.pathway.settling import settle_unknown
from service.pathway.silence import raise_silences
from service.sandbox.mailbox import Mailbox
from service.sandbox.pages import router as sandbox_pages
from service.sandbox.phone_exchange import OptOuts
from service.sandbox.phone_network import PhoneNetwork
from service.settings import Settings
from service.store.audit import chain_entries
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.secrets import Vault
from service.store.workers import newest_beat
from service.web.deps import WebParts
from service.web.site import build_site
from service.web.webhooks import TwilioWebhook
from service.web.webhooks import router as webhook_routes
from service.worker import Duty, Worker


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
    secrets = settings.secret_keys or (_sandbox_secret(settings),)
    vault, links = Vault(secrets), Links(settings.public_url, secrets)
    engine = open_engine(settings.database_url, vault)
    return Parts(settings, engine, open_sessions(engine), vault, links, system_now)


def at_speed(parts: Parts) -> Parts:
    """Return the parts with the sandbox's fast clock, which never falls behind what it showed.

    The database must be at the current version: its newest heartbeat tells how far time had come.
    """
    if parts.settings.speed == 1:
        return parts
    with parts.sessions() as db:
        beat = newest_beat(db)
    began = system_now()
    start = max(began, beat) if beat else began
    return replace(parts, now=fast_clock(began, parts.settings.speed, start=start))


def twilio_account(settings: Settings) -> TwilioAccount | None:
    """Return the account the settings name, or None when they name none."""
    if not settings.twilio_account_sid or not settings.twilio_auth_token:
        return None
    return TwilioAccount(
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_api_url or TWILIO_API_URL,
    )


def site(parts: Parts, account: TwilioAccount | None, *more: APIRouter) -> FastAPI:
    """Return the web application with `more` routes; webhooks only where there is an account."""
    web = WebParts(parts.engine, parts.sessions, parts.now, parts.settings.speed)
    if account is None:
        return build_site(web, *more)
    twilio = TwilioWebhook(account.sid, account.auth_token, parts.settings.public_url)
    webhooks = webhook_routes(parts.sessions, twilio, reply_rules(), record_receipt, parts.now)
    return build_site(web, webhooks, *more)


def worker(parts: Parts, account: TwilioAccount) -> Worker:
    """Return what sends: texts through the account, unknown sends settled by asking it."""
    settings, now = parts.settings, parts.now
    dispatcher = Dispatcher(
        parts.sessions,
        {Channel.SMS: MadeAtFirstUse(lambda: TwilioGateway(account))},
        now=now,
        compose=composer(settings.public_url, now),
        rejudge=judge_again,
        tempo=Tempo(speed=settings.speed),
    )
    look_ups, rules = TwilioLookUps(account), reply_rules()

    def chain_audit() -> None:
        with parts.sessions.begin() as db:
            chain_entries(db)

    duties = [
        Duty("settling", 30.0, lambda: settle_unknown(parts.sessions, look_ups, now())),
        Duty("escalation", 5.0, lambda: tell_staff(parts.sessions, now())),
        Duty(
            "missed texts",
            60.0,
            lambda: fetch_missed_texts(parts.sessions, look_ups, rules, now()),
        ),
        Duty("silences", 60.0, lambda: raise_silences(parts.sessions, now())),
        Duty("audit", 10.0, chain_audit),
    ]
    name = f"{socket.gethostname()}:{os.getpid()}"
    return Worker(parts.sessions, dispatcher, duties, name=name, now=now)


@contextmanager
def pretend_network(parts: Parts) -> Iterator[tuple[TwilioAccount, APIRouter]]:
    """Run the pretend phones and mailbox; yield the account that sends to them, and their pages.

    Raises `NotInLive`: the sandbox can never be reached where real patients are.
    """
    if parts.settings.mode == "live":
        raise NotInLive("The sandbox does not run in live mode.")
    url = make_url(parts.settings.database_url)
    beside = Path(url.database or "aftercare") if url.get_backend_name() == "sqlite" else None
    network = PhoneNetwork(
        parts.now,
        inbound_url=f"{parts.settings.public_url}/webhooks/twilio/inbound",
        journal=beside.with_suffix(".phones.jsonl") if beside else None,
        # Twilio's own answer to STOP would hide ours, which is what one wants to see here.
        opt_outs=OptOuts.OFF,
    )
    mailbox = Mailbox(parts.now, journal=beside.with_suffix(".mails.jsonl") if beside else None)
    network_url = network.start()
    mailbox.start()
    try:
        account = TwilioAccount(network.account, network.auth_token, network_url)
        yield account, sandbox_pages(network, mailbox, parts.now)
    finally:
        mailbox.stop()
        network.stop()


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
