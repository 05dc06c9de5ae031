"""Flags that wait for a person, the calls that end them, and what staff were told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    Uuid,
    bindparam,
    case,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.values import CallOutcome, Channel, FlagState, Level
from service.store.base import Base, HasId, enum_column, spelled
from service.store.replies import Reply
from service.store.secrets import Sealed

_NOT_CLOSED = text("state <> 'closed'")
_ON_ITS_WAY = text("arrived_at IS NULL AND failed_at IS NULL")


class Flag(HasId, Base):
    """Something a person must act on, by when, and who has it."""

    __tablename__ = "flag"
    __table_args__ = (
        # A reply, or a message that went wrong, raises each kind of flag once (crash and retry).
        Index("uq_flag_reply", "reply_id", "kind", unique=True),
        Index("uq_flag_message", "message_id", "kind", unique=True),
        Index(None, "patient_id", postgresql_where=_NOT_CLOSED, sqlite_where=_NOT_CLOSED),
        Index(
            "ix_flag_waiting",
            "clinic_id",
            "due_at",
            postgresql_where=_NOT_CLOSED,
            sqlite_where=_NOT_CLOSED,
        ),
        Index(
            "ix_flag_escalate",
            "escalate_at",
            postgresql_where=text("escalate_at IS NOT NULL"),
            sqlite_where=text("escalate_at IS NOT NULL"),
        ),
        Index(None, "session_id"),
        CheckConstraint(
            "state <> 'closed' OR (outcome IS NOT NULL AND closed_by IS NOT NULL)",
            name="closing_needs_an_outcome",
        ),
        CheckConstraint("state <> 'owned' OR owner IS NOT NULL", name="owned_has_an_owner"),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    patient_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("patient.id"))
    session_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("treatment_session.id"))
    reply_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("reply.id"))
    message_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("message.id"))
    kind: Mapped[str]
    """What raised it: `reply`, `no_answer`, `undelivered`, `unconfirmed`, `task`."""
    level: Mapped[Level] = mapped_column(enum_column(Level))
    """May only rise while the flag is open."""
    categories: Mapped[list[str]]
    score: Mapped[int | None]
    reason: Mapped[str]
    """In words a clinic can read; never the patient's."""
    raised_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """The call's deadline."""
    state: Mapped[FlagState] = mapped_column(enum_column(FlagState))
    owner: Mapped[str | None]
    owned_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    escalate_at: Mapped[datetime | None]
    """When the next step of telling staff is due; None once it is closed."""
    alarm_at: Mapped[datetime | None]
    """When staff are told from the beginning again: its level rose, or a call is due and was not
    made. None: it counts from the raising."""
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    outcome: Mapped[CallOutcome | None] = mapped_column(enum_column(CallOutcome))
    rules_version: Mapped[str | None]


class Call(HasId, Base):
    """A clinician rang the patient: how it went."""

    __tablename__ = "call"
    __table_args__ = (Index(None, "flag_id"),)

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    flag_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("flag.id"))
    outcome: Mapped[CallOutcome] = mapped_column(enum_column(CallOutcome))
    note: Mapped[str | None] = mapped_column(Sealed("call.note"))
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class Notice(HasId, Base):
    """A member of staff was told of a flag; the message shows whether it arrived."""

    __tablename__ = "notice"
    __table_args__ = (
        # Each step reaches each person once, across restarts and workers (I7).
        UniqueConstraint("flag_id", "step", "staff_id", "channel"),
        Index(
            "ix_notice_on_its_way",
            "created_at",
            postgresql_where=_ON_ITS_WAY,
            sqlite_where=_ON_ITS_WAY,
        ),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    flag_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("flag.id"))
    step: Mapped[str]
    staff_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("staff.id"))
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    message_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("message.id"))
    created_at: Mapped[datetime]
    arrived_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    """When it was known that it will not arrive; the next person was told then."""


MOST_URGENT_FIRST = (
    case({level.value: level.rank for level in Level}, value=Flag.level),
    Flag.due_at,
    Flag.id,
)


def flag_of(db: Session, clinic_id: UUID, flag_id: UUID) -> Flag | None:
    """Return the clinic's flag, locked; another clinic's is None, like one that does not exist."""
    return db.scalar(
        select(Flag).where(Flag.id == flag_id, Flag.clinic_id == clinic_id).with_for_update()
    )


def flags_in_state(db: Session, clinic_id: UUID, state: FlagState | None) -> list[Flag]:
    """Return a clinic's flags, most urgent first; with None all that are not closed."""
    asked = select(Flag).where(Flag.clinic_id == clinic_id)
    asked = asked.where(
        Flag.state != spelled(FlagState.CLOSED) if state is None else Flag.state == state
    )
    return list(db.scalars(asked.order_by(*MOST_URGENT_FIRST)))


def flags_of_session(db: Session, session_id: UUID) -> list[Flag]:
    """Return a session's flags, oldest first."""
    return list(
        db.scalars(
            select(Flag).where(Flag.session_id == session_id).order_by(Flag.raised_at, Flag.id)
        )
    )


_OPEN_OF_PATIENT = (
    select(Flag)
    .where(Flag.patient_id == bindparam("patient"), Flag.state != spelled(FlagState.CLOSED))
    .order_by(*MOST_URGENT_FIRST)
    .with_for_update()
)


def open_flags_of_patient(db: Session, patient_id: UUID) -> list[Flag]:
    """Return a patient's flags that are not closed, locked, most urgent first."""
    return list(db.scalars(_OPEN_OF_PATIENT, {"patient": patient_id}))


def calls_of_flags(db: Session, flag_ids: list[UUID]) -> list[Call]:
    """Return the calls made about these flags, oldest first."""
    if not flag_ids:
        return []
    return list(
        db.scalars(select(Call).where(Call.flag_id.in_(flag_ids)).order_by(Call.made_at, Call.id))
    )


def waiting_by_level(db: Session, clinic_id: UUID) -> dict[Level, int]:
    """Return how many of a clinic's flags are not closed, by level."""
    counted = db.execute(
        select(Flag.level, func.count())
        .where(Flag.clinic_id == clinic_id, Flag.state != spelled(FlagState.CLOSED))
        .group_by(Flag.level)
    )
    return {level: count for level, count in counted}  # noqa: C416  # a row is no tuple to mypy


_AT_ONCE = 500
"""So many ids go into one statement."""


def failed_notices(db: Session, flag_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many notices about each flag are known not to have arrived; none: not in it."""
    failed: dict[UUID, int] = {}
    for start in range(0, len(flag_ids), _AT_ONCE):
        asked = (
            select(Notice.flag_id, func.count())
            .where(
                Notice.flag_id.in_(flag_ids[start : start + _AT_ONCE]),
                Notice.failed_at.is_not(None),
            )
            .group_by(Notice.flag_id)
        )
        failed.update((flag_id, count) for flag_id, count in db.execute(asked))
    return failed


def words_behind(db: Session, flag_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """Return what the patient wrote, for each flag that a reply raised."""
    words: dict[UUID, str | None] = {}
    for start in range(0, len(flag_ids), _AT_ONCE):
        asked = (
            select(Flag.id, Reply.body)
            .join(Reply, Reply.id == Flag.reply_id)
            .where(Flag.id.in_(flag_ids[start : start + _AT_ONCE]))
        )
        words.update((flag_id, body) for flag_id, body in db.execute(asked))
    return words
