"""Joins the parts: settings, database and clock become something that can serve."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fastapi import APIRouter, FastAPI
from sqlalchemy.engine import make_url

from service.clock import Clock, system_now
from service.domain import deadlines
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.triage import read_reply
from service.domain.values import Channel
from service.gateways.first_use import MadeAtFirstUse
from service.gateways.imap_replies import ImapReplies, mailbox_at
from service.gateways.not_set_up import NotSetUp
from service.gateways.ports import Gateway
from service.gateways.smtp_email import SmtpGateway, relay_at
from service.gateways.twilio_lookups import TwilioLookUps
from service.gateways.twilio_sms import TWILIO_API_URL, TwilioAccount, TwilioGateway
from service.parts import Parts, refuse_live
from service.pathway.after_restore import catch_up, unless_paused
from service.pathway.clock_guard import ClockGuard
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.escalation import follow_notices, tell_staff
from service.pathway.forgetting import forget_outdated
from service.pathway.inbound_mail import fetch_emails, inbound_url
from service.pathway.lateness import judge_again
from service.pathway.missed_texts import fetch_missed_texts
from service.pathway.questions import act_on_silence
from service.pathway.receipts import record_receipt
from service.pathway.rules import Rules
from service.pathway.settling import settle_unknown
from service.pathway.silence import raise_silences
from service.pathway.tallies import Tally
from service.sandbox.mail_answers import MailAnswers
from service.sandbox.mailbox import Mailbox
from service.sandbox.pages import router as sandbox_pages
from service.sandbox.phone_exchange import OptOuts
from service.sandbox.phone_network import PhoneNetwork
from service.settings import Settings
from service.store.audit import chain_entries
from service.web.deps import WebParts
from service.web.mail_webhook import router as mail_routes
from service.web.pages.check_in import router as check_in_pages
from service.web.pages.for_staff import staff_pages
from service.web.pages.patient import router as patient_pages
from service.web.pages.unsubscribe import router as unsubscribe_pages
from service.web.site import build_site
from service.web.webhooks import TwilioWebhook
from service.web.webhooks import router as webhook_routes
from service.worker import Duty, Worker

_SHORTEST_PAUSE = 0.5
"""Seconds between two looks of a duty, also where clinic time runs faster."""
_SHORTEST_LOOK = 0.02


def twilio_account(settings: Settings) -> TwilioAccount | None:
    """Return the account the settings name, or None when they name none."""
    if not settings.twilio_account_sid or not settings.twilio_auth_tokens:
        return None
    return TwilioAccount(
        settings.twilio_account_sid,
        settings.twilio_auth_tokens[0],
        settings.twilio_api_url or TWILIO_API_URL,
    )


def site(parts: Parts, account: TwilioAccount | None, *more: APIRouter) -> FastAPI:
    """Return the web application with `more` routes; texts come in only with an account."""
    settings, rules = parts.settings, reply_rules()
    web = WebParts(
        parts.engine,
        parts.sessions,
        parts.now,
        settings.speed,
        settings.public_url,
        # Codes and sign-ins live by the clock on the wall, however fast the sandbox's runs.
        wall_clock=system_now,
        waive_second_factor=settings.mode == "sandbox",
        providers=_providers(settings, account),
    )
    emails = mail_routes(parts.sessions, parts.vault, rules, parts.now)
    pages = (
        check_in_pages(parts.links, rules),
        unsubscribe_pages(parts.links),
        patient_pages(parts.links, rules),
        *staff_pages(),
    )
    always = (emails, *pages, *more)
    if account is None:
        return build_site(web, *always)
    tokens = settings.twilio_auth_tokens or (account.auth_token,)
    twilio = TwilioWebhook(account.sid, tokens, settings.public_url)
    webhooks = webhook_routes(parts.sessions, twilio, rules, record_receipt, parts.now)
    return build_site(web, webhooks, *always)


def _providers(settings: Settings, account: TwilioAccount | None) -> dict[Channel, str]:
    """Return what messages go out through, as an admin reads it; nothing secret is in it."""
    found = {}
    pretend = settings.mode == "sandbox" and not settings.twilio_account_sid
    if account is not None:
        ending = account.sid[-4:]
        found[Channel.SMS] = "the pretend phones" if pretend else f"Twilio, account …{ending}"
    if settings.smtp_url is not None:
        relay = relay_at(settings.smtp_url)
        found[Channel.EMAIL] = f"the mail server {relay.host}"
    return found


def worker(parts: Parts, account: TwilioAccount) -> Worker:
    """Return what sends: texts through the account, unknown sends settled by asking it."""
    settings, now = parts.settings, parts.now
    guard, tally = ClockGuard(now, speed=settings.speed), Tally()
    dispatcher = Dispatcher(
        parts.sessions,
        {
            Channel.SMS: MadeAtFirstUse(lambda: TwilioGateway(account)),
            Channel.EMAIL: _mail_gateway(settings.smtp_url, now),
        },
        now=now,
        compose=composer(settings.public_url, now, parts.links),
        rejudge=judge_again,
        tempo=_tempo(settings.speed),
        may_send=guard.may_send,
        told=tally.count,
    )
    look_ups, rules = TwilioLookUps(account), reply_rules()
    # Silence is judged only where what patients wrote is known.
    known = partial(unless_paused, parts.sessions)
    fetch = partial(fetch_missed_texts, parts.sessions, look_ups, rules)

    def chain_audit() -> None:
        with parts.sessions.begin() as db:
            chain_entries(db)

    def every(seconds: float) -> float:
        return max(_SHORTEST_PAUSE, seconds / settings.speed)

    duties = [
        # Often, because each look asks about a limited number.
        Duty("settling", every(5.0), lambda: settle_unknown(parts.sessions, look_ups, now())),
        Duty("escalation", every(5.0), lambda: tell_staff(parts.sessions, now())),
        Duty("missed texts", every(60.0), lambda: fetch(now())),
        Duty("restore", every(15.0), lambda: catch_up(parts.sessions, look_ups, rules, now())),
        Duty("silences", every(60.0), known(lambda: raise_silences(parts.sessions, now()))),
        Duty("notices", every(5.0), lambda: follow_notices(parts.sessions, now())),
        Duty("questions", every(5.0), known(lambda: act_on_silence(parts.sessions, rules, now()))),
        Duty("audit", every(10.0), chain_audit),
        Duty("retention", every(3600.0), lambda: forget_outdated(parts.sessions, now())),
        *_mail_duties(parts, rules),
    ]
    name = f"{socket.gethostname()}:{os.getpid()}"
    return Worker(parts.sessions, dispatcher, duties, name=name, now=now, guard=guard, tally=tally)


def _tempo(speed: float) -> Tempo:
    """Return how the dispatcher works at this speed.

    It looks, and claims ahead, by a minute of clinic time at most: an answer is only sent while
    the patient waits for it, and nothing is claimed hours before an opt-out may come.
    """
    usual, minute = Tempo(), 60 / speed
    return Tempo(
        speed=speed,
        ahead=min(usual.ahead, minute),
        look_every=max(_SHORTEST_LOOK, min(usual.look_every, minute)),
    )


def _mail_gateway(smtp_url: str | None, now: Clock) -> Gateway:
    """Return what sends emails; without a mail server, what says that there is none."""
    if smtp_url is None:
        return NotSetUp("Not sent: no mail server is set up for emails.")
    relay = relay_at(smtp_url)
    return MadeAtFirstUse(lambda: SmtpGateway(relay, now))


def _mail_duties(parts: Parts, rules: Rules) -> list[Duty]:
    """Return what polls the mailbox for answers, if the settings name one."""
    url = parts.settings.imap_url
    if url is None:
        return []
    mailbox = ImapReplies(mailbox_at(url))
    # Real seconds: the mail provider's clock does not run faster.
    look = partial(fetch_emails, parts.sessions, mailbox, rules)
    return [Duty("emails", 15.0, lambda: look(parts.now()))]


@dataclass(frozen=True)
class PretendPlaces:
    """Where the pretend providers listen, port 0 being any, and where they keep what they took.

    Without a `folder` it is kept beside the database when that is a file, or else not at all.
    """

    host: str = "127.0.0.1"
    phones_port: int = 0
    mail_port: int = 0
    folder: Path | None = None


@contextmanager
def pretend_network(
    parts: Parts, places: PretendPlaces | None = None
) -> Iterator[tuple[Parts, TwilioAccount, APIRouter]]:
    """Run the pretend phones and mailbox; yield parts that email to it, the account, their pages.

    A mail server that the settings name is used in place of the pretend mailbox.
    Raises `NotInLive`: the sandbox can never be reached where real patients are.
    """
    refuse_live(parts.settings)
    places = places or PretendPlaces()
    kept = _pretend_files(parts.settings, places.folder)
    network = PhoneNetwork(
        parts.now,
        inbound_url=f"{parts.settings.public_url}/webhooks/twilio/inbound",
        journal=kept.with_suffix(".phones.jsonl") if kept else None,
        # Twilio's own answer to STOP would hide ours, which is what one wants to see here.
        opt_outs=OptOuts.OFF,
    )
    mailbox = Mailbox(parts.now, journal=kept.with_suffix(".mails.jsonl") if kept else None)
    network_url = network.start(places.host, places.phones_port)
    mailbox.start(places.host, places.mail_port)
    try:
        account = TwilioAccount(network.account, network.auth_token, network_url)
        to_mailbox = replace(parts.settings, smtp_url=parts.settings.smtp_url or mailbox.url)
        answers = MailAnswers(inbound_url(parts.settings.public_url, parts.vault), parts.now)
        pages = sandbox_pages(network, mailbox, parts.now, answers=answers)
        yield replace(parts, settings=to_mailbox), account, pages
    finally:
        mailbox.stop()
        network.stop()


def _pretend_files(settings: Settings, folder: Path | None) -> Path | None:
    """Return the path whose suffix is changed for each provider's file; None: nothing is kept."""
    if folder is not None:
        return folder / "sandbox"
    url = make_url(settings.database_url)
    return Path(url.database or "aftercare") if url.get_backend_name() == "sqlite" else None


def pretend_site(pages: APIRouter) -> FastAPI:
    """Return the pretend phones' and mailboxes' pages alone, where the service is elsewhere."""
    application = FastAPI(openapi_url=None)
    application.include_router(pages)
    return application


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
