"""Unknown sends: the provider is asked what it took, before anybody sends anything again."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import Channel, MessageKind, MessageState
from service.gateways.ports import ProviderUnavailable, SentLookUp, SentMessage
from service.pathway.composing import text_of
from service.pathway.optouts import lock_address
from service.pathway.other_ways import other_way
from service.pathway.phone_tasks import ask_to_phone
from service.pathway.receipts import record_receipt
from service.pathway.trying_again import why_not_again
from service.store import audit
from service.store.base import spelled
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.outcomes import expire_leases
from service.store.patients import Address
from service.store.sessions import locked_session

GRACE = timedelta(seconds=120)
ASK_AGAIN = timedelta(minutes=10)
GIVE_UP = timedelta(hours=2)
"""A check-in that is unknown for longer is told to a person (`reliability.md` 2.2, step 5)."""
MUST_BE_HEARD = (MessageKind.CHECKIN, MessageKind.SAFETY)
_CLOCKS_DIFFER = timedelta(seconds=60)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Question:
    """One unknown text, and what to ask the provider about it. `text` None: not to be worded."""

    id: UUID
    recipient: str
    sender: str
    text: str | None
    since: datetime


def settle_unknown(
    sessions: Sessions, provider: SentLookUp | None, now: datetime, *, limit: int = 50
) -> int:
    """Ask about each unknown send whose turn has come; return how many were looked at.

    Claims whose lease ran out are unknown first. No transaction is open while the provider is
    asked. Emails, and texts without a provider to ask, are settled by their age alone.
    """
    with sessions.begin() as db:
        expire_leases(db, now, GRACE)
    with sessions.begin() as db:
        turns = [_take_turn(db, message, now) for message in _whose_turn_it_is(db, now, limit)]
    for message_id, question in turns:
        answer = _ask(provider, question)
        with sessions.begin() as db:
            _settle(db, message_id, question, answer, now)
    return len(turns)


def _whose_turn_it_is(db: Session, now: datetime, limit: int) -> list[Message]:
    return list(
        db.scalars(
            select(Message)
            .where(Message.state == spelled(MessageState.UNKNOWN), Message.ask_at <= now)
            .order_by(Message.ask_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


def _take_turn(db: Session, message: Message, now: datetime) -> tuple[UUID, _Question | None]:
    """Put off the next turn, so that two workers do not ask at once; return what to ask."""
    message.ask_at = now + ASK_AGAIN
    clinic = db.get_one(Clinic, message.clinic_id)
    address = db.get_one(Address, message.address_id)
    if message.channel is not Channel.SMS or clinic.sender is None or address.value is None:
        return message.id, None
    since = (message.claimed_at or message.send_at) - _CLOCKS_DIFFER
    text = text_for(message, clinic)
    return message.id, _Question(message.id, address.value, clinic.sender, text, since)


def text_for(message: Message, clinic: Clinic) -> str | None:
    """Return a text as it went out, or None when it cannot be worded any more."""
    try:
        return text_of(message, clinic.facts(), ZoneInfo(clinic.time_zone)).text
    except Exception as problem:  # What cannot be worded any more is known by its number and time.
        _log.warning("unknown_not_worded", message=str(message.id), problem=type(problem).__name__)
        return None


def _ask(provider: SentLookUp | None, question: _Question | None) -> list[SentMessage] | None:
    """Return what the provider took that may be this text; None when nobody could answer."""
    if provider is None or question is None:
        return None
    try:
        sent = provider.sent_to(question.recipient, question.sender, question.since)
    except ProviderUnavailable:
        return None
    return [one for one in sent if may_be(question.text, one.body)]


def may_be(text: str | None, body: str) -> bool:
    """A provider that keeps no bodies, or a text lost to us, leaves number and time to go by."""
    return text is None or not body or _plain(text) == _plain(body)


def _plain(text: str) -> str:
    # The provider may swap quotes and dashes for plainer ones and trim spaces.
    folded = unicodedata.normalize("NFKC", text).translate(_PLAINER)
    return " ".join(folded.split())


_PLAINER = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)


def _settle(
    db: Session,
    message_id: UUID,
    question: _Question | None,
    answer: list[SentMessage] | None,
    now: datetime,
) -> None:
    # Whoever opts out, or ends a session, locks in this order too.
    about = db.get_one(Message, message_id)
    lock_address(db, about.address_id)
    if about.session_id is not None:
        locked_session(db, about.session_id)
    message = db.get_one(Message, message_id, with_for_update=True)
    if message.state is not MessageState.UNKNOWN:
        return  # A receipt came while we were asking.
    if message.answered_at is not None:
        message.ask_at, message.reason = None, "Not known whether it was sent; it was answered."
        return
    if answer is None:
        _still_unknown(db, message, now, can_be_asked=question is not None)
        return
    found = [one for one in answer if not _is_another(db, message, one.ref)]
    if found:
        was_taken(db, message, found, now)
        return
    message.asked += 1
    if message.asked >= 2:
        _was_not_taken(db, message, now)


def _is_another(db: Session, message: Message, ref: str) -> bool:
    taken = select(Message.id).where(Message.provider_ref == ref, Message.id != message.id)
    return db.scalar(taken) is not None


def was_taken(db: Session, message: Message, found: list[SentMessage], now: datetime) -> None:
    """Write that the provider has this message; `found` is newest first, more than one a mishap."""
    first = found[-1]
    if not record_receipt(db, message.id, first.ref, first.status, first.error_code, now):
        message.state = MessageState.ACCEPTED
        message.provider_ref, message.provider_status = first.ref, first.status
        message.reason = "The provider says that it took it."
    message.sent_at = first.created_at
    message.ask_at = None
    if len(found) > 1:
        refs = [one.ref for one in found]
        _note(db, message, "duplicate", now, refs=refs)
        _log.error("sent_twice", message=str(message.id), copies=len(found))


def _was_not_taken(db: Session, message: Message, now: datetime) -> None:
    """The provider said twice that it does not know it: only a check-in may go out once more."""
    _note(db, message, "not_sent", now)
    if message.kind is not MessageKind.CHECKIN:
        message.state, message.ask_at = MessageState.SKIPPED, None
        message.reason = "Not sent: the provider never had it, and by now it is late."
    elif because := why_not_again(db, message, now):
        message.state, message.ask_at, message.reason = MessageState.CANCELLED, None, because
    elif now < message.useful_until:
        # Past its window it is judged again like any other planned message.
        message.state, message.ask_at, message.asked = MessageState.PLANNED, None, 0
        message.claim_token = message.lease_until = None
        message.reason = "To be sent again: the provider never had it."
    else:
        _tell_a_person(db, message, now)


def _still_unknown(db: Session, message: Message, now: datetime, *, can_be_asked: bool) -> None:
    if message.kind in MUST_BE_HEARD:
        if now - (message.claimed_at or message.send_at) >= GIVE_UP:
            _tell_a_person(db, message, now)
    elif not can_be_asked:
        message.state, message.ask_at = MessageState.SKIPPED, None
        message.reason = "Not known whether it was sent; it is not sent again."


def _tell_a_person(db: Session, message: Message, now: datetime) -> None:
    """Leave the row unknown, which a late receipt may still settle, and have the patient called."""
    if other_way(db, message, now).covered:
        message.ask_at = None
        message.reason = "Not known whether it was sent; it went another way as well."
    else:
        ask_for_a_call(db, message, now)


def ask_for_a_call(db: Session, message: Message, now: datetime) -> None:
    """Nobody can tell whether a message was sent: it stays unknown, and the patient is phoned."""
    message.state, message.ask_at = MessageState.UNKNOWN, None
    message.reason = "Not known whether it was sent: the patient is to be called."
    ask_to_phone(
        db,
        message,
        kind="unconfirmed",
        category=message.key,
        reason="Send not confirmed: phone the patient.",
        now=now,
    )


def _note(db: Session, message: Message, action: str, now: datetime, **detail: object) -> None:
    audit.record(
        db,
        clinic_id=message.clinic_id,
        at=now,
        actor="settling",
        action=action,
        subject=f"message:{message.id}",
        **detail,
    )
