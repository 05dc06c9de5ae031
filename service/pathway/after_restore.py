"""After a restore: the provider says what was sent since the backup, and only then sending goes on.

A backup is older than what happened (`reliability` D4): what it still has as planned may have gone
out long ago. Nothing is claimed until each such message has been looked for in the provider's
list, and what patients wrote meanwhile has been read; what cannot be looked for is not sent again.
"""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import Channel, MessageKind, MessageState
from service.gateways.ports import InboundLookUp, ProviderUnavailable, SentMessage, SentSince
from service.pathway.missed_texts import fetch_texts_since
from service.pathway.other_ways import other_way
from service.pathway.receipts import record_receipt
from service.pathway.rules import Rules
from service.pathway.settling import (
    GRACE,
    MUST_BE_HEARD,
    ask_for_a_call,
    may_be,
    text_for,
    was_taken,
)
from service.store import audit
from service.store.base import spelled
from service.store.clinics import Clinic, all_clinics
from service.store.engine import Sessions
from service.store.messages import Message, message_by_ref
from service.store.patients import address_of
from service.store.pause import Pause, pause_of, resume_sending

MARGIN = timedelta(minutes=10)
"""The provider is asked from so much before the backup on: clocks differ, and lists lag."""
_EARLY = timedelta(minutes=2)
"""By the provider's clock a text may have been sent so much before we meant to."""
_MAYBE_SENT = (MessageState.PLANNED, MessageState.CLAIMED, MessageState.UNKNOWN)
_NOT_KNOWN = "Not sent: it may have gone out before the backup was restored."
_log = structlog.get_logger()


class Provider(SentSince, InboundLookUp, typing.Protocol):
    """Who can be asked both what we sent and what patients wrote."""


def unless_paused(sessions: Sessions, work: Callable[[], object]) -> Callable[[], object]:
    """Return `work` that is left undone while what patients got and wrote is not known."""

    def look() -> object:
        with sessions() as db:
            paused = pause_of(db) is not None
        return None if paused else work()

    return look


def catch_up(sessions: Sessions, provider: Provider, rules: Rules, now: datetime) -> bool:
    """Learn from the provider what a restored backup does not know; return whether we may send.

    It is asked again and again until two minutes have passed since the restore, so that a text
    which was on its way has come into its list. No transaction is open while it is asked.
    """
    with sessions() as db:
        pause = pause_of(db)
        senders = [(clinic.id, clinic.sender) for clinic in all_clinics(db) if clinic.sender]
    if pause is None:
        return True
    since, is_last = pause.since - MARGIN, now - pause.restored_at >= GRACE
    counts: Counter[str] = Counter()
    try:
        # First what patients wrote: a STOP is obeyed, and an answer that went out finds its row.
        counts["replies"] = fetch_texts_since(sessions, provider, rules, since)
        for clinic_id, sender in senders:
            sent = provider.sent_since(since, sender)
            counts += _recognise(sessions, clinic_id, sent, now, is_last=is_last)
    except ProviderUnavailable:
        _log.warning("sending_stays_paused", because="the provider could not be asked")
        return False
    if is_last:
        _resume(sessions, pause, counts, now)
    return is_last


def _recognise(
    sessions: Sessions,
    clinic_id: UUID,
    sent: list[SentMessage],
    now: datetime,
    *,
    is_last: bool,
) -> Counter[str]:
    """Find the row of each text that the provider took; each phone is a transaction of its own."""
    counts: Counter[str] = Counter()
    by_phone = sorted(sent, key=attrgetter("recipient", "created_at"))
    for recipient, texts in groupby(by_phone, attrgetter("recipient")):
        with sessions.begin() as db:
            clinic = db.get_one(Clinic, clinic_id)
            counts += _recognise_at(db, clinic, recipient, list(texts), now, is_last=is_last)
    return counts


def _recognise_at(
    db: Session,
    clinic: Clinic,
    recipient: str,
    texts: list[SentMessage],
    now: datetime,
    *,
    is_last: bool,
) -> Counter[str]:
    unknown = [text for text in texts if not _is_known(db, text, now)]
    address = address_of(db, clinic.id, Channel.SMS, recipient) if unknown else None
    if address is None:
        return Counter(not_in_backup=len(unknown))
    rows = _maybe_sent(db, address.id)
    odd = []
    for text in unknown:
        message = _row_of(text, rows, clinic)
        if message is None:
            odd.append(text)
        else:
            rows.remove(message)
            _was_sent(db, message, text, now)
    doubtful = [row for row in rows if _is_doubtful(row, odd)] if is_last else []
    for message in doubtful:
        _send_no_more(db, message, now)
    return Counter(matched=len(unknown) - len(odd), not_in_backup=len(odd), doubtful=len(doubtful))


def _is_known(db: Session, text: SentMessage, now: datetime) -> bool:
    """Is it in the backup as sent? Then its receipt may be news."""
    message = message_by_ref(db, text.ref)
    if message is None:
        return False
    record_receipt(db, message.id, text.ref, text.status, text.error_code, now)
    return True


def _maybe_sent(db: Session, address_id: UUID) -> list[Message]:
    return list(
        db.scalars(
            select(Message)
            .where(
                Message.address_id == address_id,
                Message.channel == Channel.SMS,
                Message.state.in_(_MAYBE_SENT),
            )
            .order_by(Message.send_at.desc(), Message.id)
            .with_for_update()
        )
    )


def _row_of(text: SentMessage, rows: list[Message], clinic: Clinic) -> Message | None:
    """Return the newest row that was to go out by then, with these words."""
    for message in rows:
        # What cannot be worded any more would fit every text: it is doubtful instead.
        words = text_for(message, clinic) if _was_due(message, text) else None
        if words is not None and may_be(words, text.body):
            return message
    return None


def _was_due(message: Message, text: SentMessage) -> bool:
    return message.send_at - _EARLY <= text.created_at


def _was_sent(db: Session, message: Message, text: SentMessage, now: datetime) -> None:
    # A receipt on a message that is only planned would not count.
    message.state, message.claimed_at = MessageState.UNKNOWN, text.created_at
    message.reason = "It went out before the backup was restored."
    was_taken(db, message, [text], now)
    _note(db, message.clinic_id, "found_sent", f"message:{message.id}", now)


def _is_doubtful(message: Message, odd: list[SentMessage]) -> bool:
    """May a text that no words fit have been this one, worded otherwise then?"""
    if message.state is not MessageState.PLANNED or message.kind is MessageKind.NOTICE:
        return False
    return any(_was_due(message, text) for text in odd)


def _send_no_more(db: Session, message: Message, now: datetime) -> None:
    """Nobody can say whether it was sent: a tip is let go, after a check-in a person phones."""
    if message.kind not in MUST_BE_HEARD:
        message.state, message.reason = MessageState.SKIPPED, _NOT_KNOWN
    elif message.channel is Channel.EMAIL and other_way(db, message, now).covered:
        message.state, message.reason = MessageState.SKIPPED, f"{_NOT_KNOWN} It goes as a text."
    else:
        ask_for_a_call(db, message, now)


def _resume(sessions: Sessions, pause: Pause, counts: Counter[str], now: datetime) -> None:
    with sessions.begin() as db:
        if not resume_sending(db):
            return
        emails = _emails_that_may_have_gone(db, pause)
        for message in emails:
            _send_no_more(db, message, now)
        counts["emails"] = len(emails)
        told = {name: counts[name] for name in ("replies", "doubtful", "not_in_backup", "emails")}
        _note(db, None, "sending_resumed", "database", now, since=pause.since.isoformat(), **told)
    _log.warning("sending_resumed", **told)


def _emails_that_may_have_gone(db: Session, pause: Pause) -> list[Message]:
    """Nobody can be asked what emails went out. Staff are rather told twice than not at all."""
    return list(
        db.scalars(
            select(Message)
            .where(
                Message.state == spelled(MessageState.PLANNED),
                Message.channel == Channel.EMAIL,
                Message.send_at <= pause.restored_at,
                Message.kind != MessageKind.NOTICE,
            )
            .with_for_update()
        )
    )


def _note(
    db: Session, clinic_id: UUID | None, action: str, subject: str, now: datetime, **detail: object
) -> None:
    audit.record(
        db, clinic_id=clinic_id, at=now, actor="restore", action=action, subject=subject, **detail
    )
