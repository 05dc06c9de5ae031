"""Emails that come in: each stored once, with its clinic, and read as a text is; bounces heeded."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.refusals import code_of_bounce
from service.domain.triage.readings import Answer, Circumstances, Reading
from service.domain.values import Channel, Level, MessageState
from service.gateways.ports import Bounce, EmailReplies, ProviderUnavailable, ReceivedEmail
from service.pathway.receipts import record_receipt
from service.pathway.replies import Incoming, receive
from service.pathway.rules import Rules
from service.store.clinics import Clinic, clinic_by_id, clinics_with_mailbox
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.patients import address_of, patients_at
from service.store.replies import Reply, replies_since
from service.store.secrets import Vault

PROVIDER = "email"
_DOOR = "webhook/inbound-email"
_ANSWERS = re.compile(r"^\s*(?:re|aw|rv|res|fwd?)\s*:", re.IGNORECASE)
_AN_HOUR = timedelta(hours=1)
_MOST_ANSWERED = 10
"""Emails from one address within the hour that may be answered by themselves (RFC 3834)."""
_LONGEST_BODY = 10_000
"""Characters; nobody writes more by hand, and the whole mail stays where it is."""
_NO_ANSWER = Reading(
    level=Level.OK,
    categories=("no_answer",),
    score=None,
    opt_out=False,
    findings=(),
    signs=(),
    answer=Answer.NONE,
    rules_version="automatic",
    no_answer=True,
)
_log = structlog.get_logger()


class NoClinic(Exception):
    """No clinic here has an address that the email was sent to."""


def inbound_token(vault: Vault) -> str:
    """Return what mail relays must know to post emails to us."""
    return vault.signature(_DOOR, "").hex()


def inbound_url(public_url: str, vault: Vault) -> str:
    """Return where mail relays post emails to; it is a secret, as a password is."""
    return f"{public_url}/webhooks/email/inbound/{inbound_token(vault)}"


def is_inbound_token(vault: Vault, token: str) -> bool:
    """Was the token made with any of our secrets? Compared in constant time."""
    try:
        given = bytes.fromhex(token)
    except ValueError:
        return False
    return given.hex() == token and vault.verifies(_DOOR, "", given)


def fetch_emails(sessions: Sessions, mailbox: EmailReplies, rules: Rules, now: datetime) -> int:
    """Take in what is unread in the mailbox; return how many emails there were.

    Each is a transaction of its own, and is marked as read only after its commit: what cannot be
    stored now stays unread. What was stored before is not stored again.
    """
    try:
        emails = mailbox.unseen()
        kept, nobodys = _take_all(sessions, emails, rules, now)
        mailbox.mark_seen(kept)
        mailbox.set_aside(nobodys)
    except ProviderUnavailable:
        _log.warning("emails_not_fetched")
        return 0
    return len(emails)


def _take_all(
    sessions: Sessions, emails: list[ReceivedEmail], rules: Rules, now: datetime
) -> tuple[list[ReceivedEmail], list[ReceivedEmail]]:
    """Return what is stored now, and what belongs to no clinic."""
    kept, nobodys = [], []
    for email in emails:
        try:
            with sessions.begin() as db:
                take_email(db, email, rules, now)
        except NoClinic:
            _log.error("email_for_no_clinic")
            nobodys.append(email)
        except Exception as problem:  # One mail that cannot be taken must not stop the rest.
            _log.error("email_not_taken", problem=type(problem).__name__)
        else:
            kept.append(email)
    return kept, nobodys


def take_email(db: Session, email: ReceivedEmail, rules: Rules, now: datetime) -> Reply | None:
    """Store an email and do all that follows; None for one that was stored before.

    It counts as received when it reaches us: that is when somebody can act on it. Raises
    `NoClinic`.
    """
    answered = _message_answered(db, email)
    clinic = _clinic(db, email, answered)
    incoming = Incoming(
        channel=Channel.EMAIL,
        provider=PROVIDER,
        provider_ref=email.message_id,
        sender_address=email.sender.strip() or "unknown",
        body=_body(email, answered),
        media=() if email.automatic else tuple({"url": at, "type": of} for at, of in email.media),
        received_at=now,
        about=answered.id if answered is not None else None,
    )
    reply = receive(db, clinic, incoming, _rules_for(db, clinic, email, rules, now))
    if reply is not None and email.bounce is not None:
        _heed_bounce(db, clinic, email.bounce, now)
    return reply


def _body(email: ReceivedEmail, answered: Message | None) -> str:
    """Return what is read: a subject says something unless it is only our own again."""
    words = email.text
    if answered is None and email.subject and not _ANSWERS.match(email.subject):
        words = f"{email.subject}\n\n{words}".strip()
    return words[:_LONGEST_BODY]


def _rules_for(
    db: Session, clinic: Clinic, email: ReceivedEmail, rules: Rules, now: datetime
) -> Rules:
    """Return the rules to read an email by: a machine's words, and ours quoted, tell nothing."""
    if email.automatic:
        return replace(rules, read_reply=lambda _text, _around: _NO_ANSWER)

    def read(text: str, around: Circumstances) -> Reading:
        reading = rules.read_reply("" if email.only_quotes else text, around)
        return replace(reading, answer=Answer.NONE) if goes_on else reading

    goes_on = _writes_all_the_time(db, clinic, email.sender, now)
    return replace(rules, read_reply=read)


def _writes_all_the_time(db: Session, clinic: Clinic, sender: str, now: datetime) -> bool:
    """Is it a machine that does not say so? It is read, but answering it would never end."""
    address = address_of(db, clinic.id, Channel.EMAIL, sender)
    if address is None:
        return False
    return len(replies_since(db, address.id, now - _AN_HOUR)) >= _MOST_ANSWERED


def _message_answered(db: Session, email: ReceivedEmail) -> Message | None:
    """Return the message of ours that an email answers, or reports on; the nearest of several."""
    named = (email.bounce.message_id,) if email.bounce else email.answers
    found = (_our_message(db, message_id) for message_id in named)
    return next((message for message in found if message), None)


def _our_message(db: Session, message_id: str) -> Message | None:
    """Return the message that was sent under this Message-ID: it begins with the row's own id."""
    try:
        return db.get(Message, UUID(message_id.strip("<>").partition("@")[0]))
    except ValueError:
        return None


def _clinic(db: Session, email: ReceivedEmail, answered: Message | None) -> Clinic:
    if answered is not None and (found := clinic_by_id(db, answered.clinic_id)):
        return found
    written_to = clinics_with_mailbox(db, email.recipients)
    if not written_to:
        raise NoClinic
    # A mailbox that several clinics share: the one that knows the sender, else the first.
    return next((one for one in written_to if _knows(db, one, email.sender)), written_to[0])


def _knows(db: Session, clinic: Clinic, sender: str) -> bool:
    address = address_of(db, clinic.id, Channel.EMAIL, sender)
    return address is not None and bool(patients_at(db, address.id))


def _heed_bounce(db: Session, clinic: Clinic, bounce: Bounce, now: datetime) -> None:
    """Mark our email undelivered, with all that follows from that."""
    message = _our_message(db, bounce.message_id) or _newest_to(db, clinic, bounce.recipient)
    if message is None or message.channel is not Channel.EMAIL:
        _log.warning("bounce_of_no_email")
        return
    ref = message.provider_ref or bounce.message_id
    record_receipt(db, message.id, ref, "failed", code_of_bounce(bounce.status), now)


def _newest_to(db: Session, clinic: Clinic, recipient: str) -> Message | None:
    """Return the last email to an address: a relay may have given ours another Message-ID."""
    address = address_of(db, clinic.id, Channel.EMAIL, recipient) if recipient else None
    if address is None:
        return None
    sent = (MessageState.ACCEPTED, MessageState.UNKNOWN)
    return db.scalar(
        select(Message)
        .where(Message.address_id == address.id, Message.state.in_(sent))
        .order_by(Message.send_at.desc(), Message.id.desc())
        .limit(1)
    )
