"""A test message proves a way to staff: planned like a notice, sent by the worker, followed up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.time_words import moment_words, span_words
from service.domain.values import Channel, MessageState
from service.domain.windows import zone_named
from service.pathway.glance import glance
from service.pathway.notices import TEST, plan_test, ways_to
from service.pathway.settings_audit import write_down
from service.pathway.signing_in import SignedInStaff
from service.store.clinics import Clinic, Staff, staff_of
from service.store.messages import Message
from service.store.patients import address_of

_MOST, _WITHIN = 5, timedelta(minutes=10)
_SHOWN = 6


@dataclass(frozen=True)
class Proof:
    """What came of a test. `fate` is `ok`, `routine` (not known yet) or `urgent` (it failed)."""

    to: str
    channel: Channel
    at: str
    words: str
    fate: str


def prove(
    db: Session, staff: SignedInStaff, person: Staff, now: datetime, *, by: Channel | None = None
) -> str | None:
    """Plan a test to a member of staff, the way a notice would go or by one channel.

    Returns why there is none, in words; None when it is planned.
    """
    ways = ways_to(db, staff.clinic, person, now)
    to = next((way for way in ways if by in (None, way.channel)), None)
    if to is None:
        return why_unreachable(db, staff.clinic, person, by)
    lately = select(func.count()).where(
        Message.address_id == to.id, Message.created_at > now - _WITHIN, Message.key == TEST
    )
    if (db.scalar(lately) or 0) >= _MOST:
        return f"{_MOST} tests went there in the last ten minutes. Wait a little."
    message = plan_test(db, staff.clinic, to, now)
    told = {"message": str(message.id), "channel": to.channel.value}
    write_down(db, staff, now, "test_sent", f"staff:{person.id}", **told)
    return None


def why_unreachable(
    db: Session, clinic: Clinic, person: Staff, by: Channel | None = None
) -> str | None:
    """Return why no notice, or none by one channel, reaches somebody; None when one does."""
    found = []
    for channel in (Channel.SMS, Channel.EMAIL) if by is None else (by,):
        why = _why_not(db, clinic, person, channel)
        if why is None:
            return None
        found.append(why)
    return " ".join(found)


def _why_not(db: Session, clinic: Clinic, person: Staff, channel: Channel) -> str | None:
    value = person.email if channel is Channel.EMAIL else person.phone
    if not value:
        return f"{person.name} has no phone number here."
    if channel is Channel.EMAIL and not clinic.email_from:
        return "The clinic has no address to send emails from."
    if channel is Channel.SMS and not clinic.sender:
        return "The clinic has no number to send texts from."
    if channel is Channel.SMS and clinic.sending_stopped_at is not None:
        return "The clinic's texts are stopped."
    known = address_of(db, clinic.id, channel, value)
    if known is None or known.may_receive():
        return None
    if known.landline_at is not None:
        return "The number is a landline."
    return "It is opted out." if known.opted_out_at else "Nothing arrives there."


def proofs(
    db: Session, clinic: Clinic, now: datetime, speed: float = 1, only: UUID | None = None
) -> list[Proof]:
    """Return the newest tests of a clinic, or of one member of staff, and what came of each."""
    names = {}
    for person in staff_of(db, clinic.id):
        if only in (None, person.id):
            for channel, value in ((Channel.SMS, person.phone), (Channel.EMAIL, person.email)):
                known = address_of(db, clinic.id, channel, value) if value else None
                if known is not None:
                    names[known.id] = person.name
    asked = (
        select(Message)
        .where(Message.address_id.in_(names), Message.key == TEST)
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(_SHOWN)
    )
    zone, still = zone_named(clinic.time_zone), glance(db, clinic, now, speed)
    runs = not (still.never_ran or still.no_worker_since)
    return [
        _proof(message, names[message.address_id], runs, zone, now) for message in db.scalars(asked)
    ]


def _proof(message: Message, name: str, runs: bool, zone: ZoneInfo, now: datetime) -> Proof:
    fate, words = _came_of(message, runs)
    return Proof(name, message.channel, moment_words(message.created_at, zone, now), words, fate)


def _came_of(message: Message, runs: bool) -> tuple[str, str]:
    match message.state:
        case MessageState.PLANNED if not runs:
            return "urgent", "It waits: no worker runs. Nothing is sent until one is started."
        case MessageState.PLANNED | MessageState.CLAIMED:
            return "routine", "It is about to go out."
        case MessageState.ACCEPTED if message.channel is Channel.EMAIL:
            return "ok", "The mail server took it. It does not say more: look into the mailbox."
        case MessageState.ACCEPTED:
            return "routine", "The provider took it; whether it arrived is not known yet."
        case MessageState.DELIVERED:
            took = ""
            if message.delivered_at and message.sent_at:
                took = f", {span_words(message.delivered_at - message.sent_at)} after it was sent"
            return "ok", f"It arrived{took}."
        case MessageState.UNKNOWN:
            return "routine", "Whether it went out is not known: the provider is being asked."
        case _:
            return "urgent", f"It did not arrive. {message.reason or ''}".strip()
