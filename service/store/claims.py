"""What is due, who may send it, and how the outcomes of a batch come back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    literal,
    or_,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from service.domain.values import (
    LANES,
    OPT_OUT_CONFIRMATIONS,
    Channel,
    FlagState,
    Language,
    Level,
    MessageKind,
    MessageState,
)
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address

_MAY_RECEIVE = and_(
    Address.landline_at.is_(None),
    Address.value.is_not(None),
    or_(
        Address.opted_out_at.is_(None),
        # One confirmation may follow an opt-out; its window closes five minutes after the request.
        and_(Message.kind == MessageKind.REPLY, Message.key.in_(OPT_OUT_CONFIRMATIONS)),
    ),
    # A pause holds what we planned, never the answer to what the patient just wrote.
    or_(Address.paused_because.is_(None), Message.kind == MessageKind.REPLY),
)

_PATIENT_IS_FLAGGED = exists().where(
    Flag.patient_id == Message.patient_id,
    Flag.state != FlagState.CLOSED,
    Flag.level.in_((Level.URGENT, Level.EMERGENCY)),
)


@dataclass(frozen=True, slots=True)
class Due:
    """When a clinic's lane next has something to send."""

    clinic_id: UUID
    lane: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that one worker alone may hand over, once, and all that handing over needs."""

    id: UUID
    clinic_id: UUID
    address_id: UUID
    patient_id: UUID | None
    session_id: UUID | None
    reply_id: UUID | None
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
    useful_until: datetime
    attempts: int
    claim_token: UUID


@dataclass(frozen=True, slots=True)
class WrittenOutcome:
    """What becomes of a claimed row. `send_at` differs from the claim's only for a later try."""

    id: UUID
    claim_token: UUID
    state: MessageState
    reason: str | None
    send_at: datetime
    provider_ref: str | None = None
    provider_status: str | None = None
    error_code: int | None = None
    segments: int | None = None
    sent_at: datetime | None = None
    ask_at: datetime | None = None


def what_is_due(db: Session, now: datetime) -> list[Due]:
    """Return, for each sending clinic and lane, when its first planned message is to go out.

    Messages whose window has passed, or whose address may not be written to, do not count.
    """
    lanes = union_all(*(select(literal(int(lane)).label("lane")) for lane in LANES)).subquery(
        "lanes"
    )
    next_at = (
        select(Message.send_at)
        .join(Address, Address.id == Message.address_id)
        .where(
            Message.clinic_id == Clinic.id,
            Message.lane == lanes.c.lane,
            Message.state == MessageState.PLANNED,
            Message.send_before > now,
            _MAY_RECEIVE,
        )
        .order_by(Message.send_at)
        .limit(1)
        .correlate(Clinic, lanes)
        .scalar_subquery()
    )
    found = (
        select(Clinic.id.label("clinic_id"), lanes.c.lane.label("lane"), next_at.label("next_at"))
        .join_from(Clinic, lanes, Clinic.sending_stopped_at.is_(None))
        .subquery()
    )
    return [
        Due(row.clinic_id, row.lane, row.next_at)
        for row in db.execute(
            select(found).where(found.c.next_at.is_not(None)).order_by(found.c.lane)
        )
    ]


def claim(
    db: Session,
    clinic_id: UUID,
    lane: int,
    limit: int,
    now: datetime,
    ahead: timedelta,
    lease_until: datetime,
    channels: Sequence[Channel] = tuple(Channel),
) -> list[Claim]:
    """Claim up to `limit` messages that are to go out by `now + ahead`, soonest first.

    An opt-out locks the address row that this statement locks, so that no claim commits after it
    (`reliability.md` O1, O2). The caller commits before anything is sent.
    """
    # A row that another transaction holds is passed over: the next look finds it, if still due.
    ready = (
        select(Message.id)
        .join(Address, Address.id == Message.address_id)
        .where(
            Message.clinic_id == clinic_id,
            Message.lane == lane,
            _due(now, ahead),
            Message.channel.in_(channels),
            _MAY_RECEIVE,
            or_(Message.kind != MessageKind.TIP, ~_PATIENT_IS_FLAGGED),
        )
        .order_by(Message.send_at)
        .limit(limit)
        .with_for_update(of=[Message, Address], key_share=True, skip_locked=True)
        .cte("ready")
    )
    recipient = (
        select(Address.value)
        .where(Address.id == Message.address_id)
        .correlate(Message)
        .scalar_subquery()
    )
    claimed = db.execute(
        update(Message)
        .where(Message.id.in_(select(ready.c.id)))
        .values(
            state=MessageState.CLAIMED,
            claim_token=uuid4(),
            claimed_at=now,
            lease_until=lease_until,
            attempts=Message.attempts + 1,
            reason=None,
        )
        .returning(
            Message.id,
            Message.clinic_id,
            Message.address_id,
            Message.patient_id,
            Message.session_id,
            Message.reply_id,
            recipient.label("recipient"),
            Message.key,
            Message.kind,
            Message.channel,
            Message.wording,
            Message.language,
            Message.protocol_version,
            Message.slots,
            Message.send_at,
            Message.send_before,
            Message.useful_until,
            Message.attempts,
            Message.claim_token,
        ),
        execution_options={"synchronize_session": False},
    )
    return sorted((Claim(**row._mapping) for row in claimed), key=lambda one: one.send_at)


def skip_tips_of_the_flagged(db: Session, clinic_id: UUID, now: datetime, ahead: timedelta) -> int:
    """Skip due tips of patients whom somebody must call urgently; return how many."""
    skipped = db.execute(
        update(Message)
        .where(
            Message.clinic_id == clinic_id,
            Message.kind == MessageKind.TIP,
            _due(now, ahead),
            _PATIENT_IS_FLAGGED,
        )
        .values(state=MessageState.SKIPPED, reason="the patient is to be called first"),
        execution_options={"synchronize_session": False},
    )
    return _count(skipped)


_OUTCOME_COLUMNS = {
    "state": "text",
    "reason": "text",
    "send_at": "timestamptz",
    "provider_ref": "text",
    "provider_status": "text",
    "error_code": "integer",
    "segments": "integer",
    "sent_at": "timestamptz",
    "ask_at": "timestamptz",
}
_ROW_COLUMNS = {"id": "uuid", "token": "uuid"} | _OUTCOME_COLUMNS
# One statement a batch: row by row, each would wait for its turn between the sends' own work.
_ROWS_FROM_JSON = {
    "sqlite": "(SELECT "  # noqa: S608  # made of the names above alone
    + ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in _ROW_COLUMNS)
    + " FROM json_each(:rows)) AS written",
    "postgresql": "jsonb_to_recordset(CAST(:rows AS jsonb)) AS written("
    + ", ".join(f"{name} {kind}" for name, kind in _ROW_COLUMNS.items())
    + ")",
}
_WRITE_OUTCOMES = {
    dialect: text(
        "UPDATE message SET "  # noqa: S608  # as above
        + ", ".join(f"{name} = written.{name}" for name in _OUTCOME_COLUMNS)
        + f" FROM {rows} WHERE message.id = written.id"
        + " AND message.claim_token = written.token AND message.state = 'claimed'"
    )
    for dialect, rows in _ROWS_FROM_JSON.items()
}


def write_outcomes(db: Session, outcomes: Sequence[WrittenOutcome]) -> None:
    """Write what became of claimed rows; a row that is no longer this claim's is left alone."""
    if not outcomes:
        return
    rows = [
        {"id": one.id.hex, "token": one.claim_token.hex}
        | {name: _as_stored(getattr(one, name)) for name in _OUTCOME_COLUMNS}
        for one in outcomes
    ]
    statement = _WRITE_OUTCOMES[db.get_bind().dialect.name]
    db.connection().execute(statement, {"rows": json.dumps(rows)})


def _as_stored(value: object) -> object:
    """Return a value as both databases take it from JSON; times in UTC, without saying so."""
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None)
        return naive.isoformat(sep=" ", timespec="microseconds")
    return value


def expire_leases(db: Session, now: datetime, grace: timedelta) -> int:
    """Put claims whose worker was not heard of again to `unknown`; never back to planned (S2).

    The provider is asked about them once `grace` has passed.
    """
    expired = db.execute(
        update(Message)
        .where(Message.state == MessageState.CLAIMED, Message.lease_until < now)
        .values(
            state=MessageState.UNKNOWN,
            reason="the worker stopped while it was sending",
            ask_at=now + grace,
            asked=0,
        ),
        execution_options={"synchronize_session": False},
    )
    return _count(expired)


def past_their_window(db: Session, now: datetime, limit: int) -> list[Message]:
    """Return planned messages that may not go out as they stand any more, locked.

    The most urgent kind comes first: a check-in waits for no tip.
    """
    return list(
        db.scalars(
            select(Message)
            .where(Message.state == MessageState.PLANNED, Message.send_before <= now)
            .order_by(case((Message.kind == MessageKind.CHECKIN, 0), else_=1), Message.send_before)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


def clinic_to_send_for(db: Session, clinic_id: UUID) -> Clinic | None:
    """Return the clinic, its sender's allowance locked; None while stopped or in other hands."""
    return db.scalar(
        select(Clinic)
        .where(Clinic.id == clinic_id, Clinic.sending_stopped_at.is_(None))
        .with_for_update(key_share=True, skip_locked=True)
    )


def _due(now: datetime, ahead: timedelta) -> ColumnElement[bool]:
    return and_(
        Message.state == MessageState.PLANNED,
        Message.send_at <= now + ahead,
        Message.send_before > now,
    )


def _count(result: Any) -> int:
    return int(result.rowcount)
