"""What is due and who may send it: messages are claimed by one worker, for as long as a lease.

The statements are built once: a worker asks them hundreds of times a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CTE,
    Boolean,
    Column,
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from service.domain.values import (
    LANE_TIP,
    LANES,
    OPT_OUT_CONFIRMATIONS,
    Channel,
    FlagState,
    Language,
    Level,
    MessageKind,
    MessageState,
)
from service.store.base import Base, spelled
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address
from service.store.pause import SENDING_IS_PAUSED

_clinics, _messages, _addresses, _flags = (
    Base.metadata.tables[row.__tablename__] for row in (Clinic, Message, Address, Flag)
)
_clinic, _message, _address, _flag = _clinics.c, _messages.c, _addresses.c, _flags.c


def _one_of(column: Column[Any], values: Iterable[StrEnum | str]) -> ColumnElement[bool]:
    """`IN` would be written anew each time a statement is asked."""
    return or_(*(column == value for value in values))


_MAY_RECEIVE = and_(
    _address.landline_at.is_(None),
    _address.value.is_not(None),
    or_(
        _address.opted_out_at.is_(None),
        # One confirmation may follow an opt-out; its window closes five minutes after the request.
        and_(
            _message.kind == MessageKind.REPLY, _one_of(_message.key, sorted(OPT_OUT_CONFIRMATIONS))
        ),
    ),
    # A pause holds what we planned, never the answer to what the patient just wrote.
    or_(_address.paused_because.is_(None), _message.kind == MessageKind.REPLY),
)

_MUST_BE_CALLED = and_(
    _flag.state != spelled(FlagState.CLOSED), _one_of(_flag.level, (Level.URGENT, Level.EMERGENCY))
)
_PATIENT_IS_FLAGGED = exists().where(_flag.patient_id == _message.patient_id, _MUST_BE_CALLED)

_DUE = and_(
    _message.state == spelled(MessageState.PLANNED),
    _message.send_at <= bindparam("until"),
    _message.send_before > bindparam("now"),
)


@dataclass(frozen=True, slots=True)
class Due:
    """When a clinic's lane next has something to send."""

    clinic_id: UUID
    lane: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class SendingClinic:
    """A clinic as sending sees it; `sender_free_at` is when its sender's allowance is back.

    `sender` is None as well while its texts are stopped; emails go on.
    """

    id: UUID
    name: str
    phone: str
    time_zone: str
    sender: str | None
    email_from: str | None
    segments_per_second: float
    sender_free_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that one worker alone may hand over, once, and all that handing over needs."""

    id: UUID
    clinic_id: UUID
    address_id: UUID
    patient_id: UUID | None
    session_id: UUID | None
    recipient: str
    key: str
    kind: MessageKind
    channel: Channel
    wording: str
    language: Language
    protocol_version: int
    slots: dict[str, str] | None
    send_at: datetime
    send_before: datetime
    attempts: int
    claim_token: UUID


_LANES = union_all(*(select(literal(int(lane)).label("lane")) for lane in LANES)).subquery("lanes")
# Not a join: for one, SQLite reads every address first (a Bloom filter), to find a single message.
_GOES_TO = (
    select(_address.id)
    .where(_address.id == _message.address_id, _MAY_RECEIVE)
    .correlate(_messages)
    .scalar_subquery()
)
_NEXT_AT = (
    select(_message.send_at)
    .where(
        _message.clinic_id == _clinic.id,
        _message.lane == _LANES.c.lane,
        _message.state == spelled(MessageState.PLANNED),
        _message.send_before > bindparam("now"),
        _GOES_TO.is_not(None),
    )
    .order_by(_message.send_at)
    .limit(1)
    .correlate(_clinics, _LANES)
    .scalar_subquery()
)
_FIRST_OF_LANES = (
    select(_clinic.id.label("clinic_id"), _LANES.c.lane.label("lane"), _NEXT_AT.label("next_at"))
    .join_from(_clinics, _LANES, true())
    # After a restore nothing is due anywhere until the provider has been asked (D4).
    .where(~SENDING_IS_PAUSED)
    .subquery()
)
_WHAT_IS_DUE = (
    select(_FIRST_OF_LANES)
    .where(_FIRST_OF_LANES.c.next_at.is_not(None))
    .order_by(_FIRST_OF_LANES.c.clinic_id, _FIRST_OF_LANES.c.lane)
)


def what_is_due(db: Session, now: datetime) -> list[Due]:
    """Return, for each clinic and lane, when its first planned message is to go out.

    Messages whose window has passed, or whose address may not be written to, do not count.
    """
    return [Due(*row) for row in db.connection().execute(_WHAT_IS_DUE, {"now": now})]


_SENDING_CLINIC = (
    select(
        _clinic.id,
        _clinic.name,
        _clinic.phone,
        _clinic.time_zone,
        case((_clinic.sending_stopped_at.is_(None), _clinic.sender)),
        _clinic.email_from,
        _clinic.segments_per_second,
        _clinic.sender_free_at,
    )
    .where(_clinic.id == bindparam("clinic_id"))
    .with_for_update(key_share=True, skip_locked=True)
)
_SPEND_ALLOWANCE = (
    update(_clinics)
    .where(_clinic.id == bindparam("clinic_id"))
    .values(sender_free_at=bindparam("free_at"))
)


def clinic_to_send_for(db: Session, clinic_id: UUID) -> SendingClinic | None:
    """Return the clinic, its sender's allowance locked; None while it is in other hands."""
    row = db.connection().execute(_SENDING_CLINIC, {"clinic_id": clinic_id}).one_or_none()
    return SendingClinic(*row) if row else None


def spend_allowance(db: Session, clinic_id: UUID, free_at: datetime) -> None:
    """Write until when the allowance of a clinic's sender is spent."""
    db.connection().execute(_SPEND_ALLOWANCE, {"clinic_id": clinic_id, "free_at": free_at})


def _ready(*, locking: bool) -> CTE:
    """Which messages a claim takes; with `locking` their rows and their addresses' are locked."""
    ready = (
        select(_message.id)
        .where(
            _message.clinic_id == bindparam("for_clinic"),
            _message.lane == bindparam("in_lane"),
            or_(bindparam("by_any", type_=Boolean), _message.channel == bindparam("by_channel")),
            _DUE,
            or_(_message.kind != MessageKind.TIP, ~_PATIENT_IS_FLAGGED),
        )
        .order_by(_message.send_at)
        .limit(bindparam("most"))
    )
    if not locking:
        return ready.where(_GOES_TO.is_not(None)).cte("ready")
    joined = ready.join(_addresses, _address.id == _message.address_id).where(_MAY_RECEIVE)
    # A row that another transaction holds is passed over: the next look finds it, if still due.
    of = [_messages, _addresses]
    return joined.with_for_update(of=of, key_share=True, skip_locked=True).cte("ready")


_RECIPIENT = (
    select(_address.value)
    .where(_address.id == _message.address_id)
    .correlate(_messages)
    .scalar_subquery()
)


def _claiming(ready: CTE) -> ReturningUpdate[Any]:
    return (
        update(_messages)
        .where(_message.id.in_(select(ready.c.id)))
        .values(
            state=MessageState.CLAIMED,
            claim_token=bindparam("token"),
            claimed_at=bindparam("now"),
            lease_until=bindparam("lease_ends"),
            attempts=_message.attempts + 1,
            reason=None,
        )
        .returning(
            _message.id,
            _message.clinic_id,
            _message.address_id,
            _message.patient_id,
            _message.session_id,
            _RECIPIENT.label("recipient"),
            _message.key,
            _message.kind,
            _message.channel,
            _message.wording,
            _message.language,
            _message.protocol_version,
            _message.slots,
            _message.send_at,
            _message.send_before,
            _message.attempts,
            _message.claim_token,
        )
    )


# SQLite locks the whole file, and needs no join to lock the address; `_GOES_TO` says why none.
_CLAIM = {
    "postgresql": _claiming(_ready(locking=True)),
    "sqlite": _claiming(_ready(locking=False)),
}


def claim(
    db: Session,
    clinic_id: UUID,
    lane: int,
    channel: Channel | None,
    limit: int,
    now: datetime,
    ahead: timedelta,
    lease_until: datetime,
) -> list[Claim]:
    """Claim up to `limit` messages that are to go out by `now + ahead`, soonest first.

    With `channel` None any will do.

    An opt-out locks the address row that this statement locks, so that no claim commits after it
    (`reliability.md` O1, O2). The caller commits before anything is sent.
    """
    claimed = db.connection().execute(
        _CLAIM[db.get_bind().dialect.name],
        {
            "for_clinic": clinic_id,
            "in_lane": lane,
            "by_channel": channel,
            "by_any": channel is None,
            "most": limit,
            "now": now,
            "until": now + ahead,
            "token": uuid4(),
            "lease_ends": lease_until,
        },
    )
    return sorted((Claim(*row) for row in claimed), key=lambda one: one.send_at)


_SKIP_TIPS_OF_THE_FLAGGED = (
    update(_messages)
    .where(
        _message.clinic_id.in_(select(_flag.clinic_id).where(_MUST_BE_CALLED)),
        _message.lane == int(LANE_TIP),
        _DUE,
        _message.patient_id.in_(select(_flag.patient_id).where(_MUST_BE_CALLED)),
    )
    .values(state=MessageState.SKIPPED, reason="the patient is to be called first")
)


def skip_tips_of_the_flagged(db: Session, now: datetime, ahead: timedelta) -> int:
    """Skip due tips of patients whom somebody must call urgently; return how many."""
    given = {"now": now, "until": now + ahead}
    return db.connection().execute(_SKIP_TIPS_OF_THE_FLAGGED, given).rowcount


def past_their_window(db: Session, now: datetime, limit: int) -> list[Message]:
    """Return planned messages that may not go out as they stand any more, locked.

    The most urgent kind comes first: a check-in waits for no tip.
    """
    return list(
        db.scalars(
            select(Message)
            .where(Message.state == spelled(MessageState.PLANNED), Message.send_before <= now)
            .order_by(case((Message.kind == MessageKind.CHECKIN, 0), else_=1), Message.send_before)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
