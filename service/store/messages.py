"""Messages: first the plan, then the record of what happened to each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, Uuid, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.values import (
    LANES,
    Channel,
    Language,
    MessageKind,
    MessageState,
    PlannedMessage,
)
from service.store.base import Base, HasId, enum_column, spelled
from service.store.secrets import SealedJSON

_PLANNED = text("state = 'planned'")
_UNANSWERED = text("kind = 'checkin' AND answered_at IS NULL")
_SCHEDULED = text("kind NOT IN ('reply', 'notice')")


class Message(HasId, Base):
    """One text or email owed to a patient, or a notice to staff.

    The row is the queue and the record. Its text is not stored: it is filled from `wording` of
    `protocol_version` in `language` with the clinic's details and `slots` when it is sent.
    """

    __tablename__ = "message"
    __table_args__ = (
        # Enrolling twice, or two workers planning at once, must not text the patient twice (S4).
        Index(
            "uq_message_scheduled",
            "session_id",
            "key",
            "channel",
            unique=True,
            postgresql_where=_SCHEDULED,
            sqlite_where=_SCHEDULED,
        ),
        # A reply is answered once in each form, however often it is read again.
        Index("uq_message_answer", "reply_id", "key", "channel", unique=True),
        # A provider's message is one of ours at most once (S4, S6).
        Index("uq_message_provider_ref", "provider_ref", unique=True),
        # What the worker looks for: a clinic's planned messages, lane by lane, in sending order.
        # Only planned rows are in it, so it stays small whatever the history.
        Index(
            "ix_message_planned",
            "clinic_id",
            "lane",
            "send_at",
            postgresql_where=_PLANNED,
            sqlite_where=_PLANNED,
        ),
        # Planned messages whose window has passed are judged again.
        Index(
            "ix_message_planned_send_before",
            "send_before",
            postgresql_where=_PLANNED,
            sqlite_where=_PLANNED,
        ),
        # Claims whose lease ran out, and unknown sends whose turn to be asked about has come.
        Index(
            "ix_message_claimed",
            "lease_until",
            postgresql_where=text("state = 'claimed'"),
            sqlite_where=text("state = 'claimed'"),
        ),
        Index(
            "ix_message_unknown",
            "ask_at",
            postgresql_where=text("state = 'unknown'"),
            sqlite_where=text("state = 'unknown'"),
        ),
        # Check-ins and nudges that nobody answered: silence becomes a phone task.
        Index(
            "ix_message_unanswered",
            "send_at",
            postgresql_where=_UNANSWERED,
            sqlite_where=_UNANSWERED,
        ),
        Index(None, "session_id"),
        Index(None, "address_id", "created_at"),
        CheckConstraint("send_at <= send_before", name="window"),
        CheckConstraint(
            "state <> 'claimed' OR (claim_token IS NOT NULL AND lease_until IS NOT NULL)",
            name="claimed_has_a_token",
        ),
        CheckConstraint(
            "state IN ('planned', 'claimed') OR reason IS NOT NULL", name="explains_itself"
        ),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    address_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("address.id"))
    """Where it goes; claim and opt-out lock this row."""
    patient_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("patient.id"))
    session_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("treatment_session.id"))
    reply_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("reply.id", use_alter=True))
    """The reply that this message answers."""
    key: Mapped[str]
    """The row of the schedule, or of the automatic answers (`clinical-protocol` A, B)."""
    kind: Mapped[MessageKind] = mapped_column(enum_column(MessageKind))
    lane: Mapped[int]
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    wording: Mapped[str]
    """The text's key, where it differs: `heat_ice` may be worded `ice_only`."""
    language: Mapped[Language] = mapped_column(enum_column(Language))
    protocol_version: Mapped[int]
    slots: Mapped[Any | None] = mapped_column(SealedJSON("message.slots"))
    """What the wording needs beyond the clinic's details; a dict of text, or None."""
    due_at: Mapped[datetime]
    send_at: Mapped[datetime]
    send_before: Mapped[datetime]
    """The end of that day's window or of its usefulness; the provider is told not to hold it on."""
    useful_until: Mapped[datetime]
    state: Mapped[MessageState] = mapped_column(enum_column(MessageState))
    reason: Mapped[str | None]
    """Why it is in this state, in words a clinic can read; only what is ahead needs none."""
    attempts: Mapped[int] = mapped_column(default=0)
    claim_token: Mapped[UUID | None]
    claimed_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    ask_at: Mapped[datetime | None]
    """When the provider is asked (again) what became of an unknown send."""
    asked: Mapped[int] = mapped_column(default=0)
    """How often the provider has said that it does not know this message."""
    provider_ref: Mapped[str | None]
    provider_status: Mapped[str | None]
    error_code: Mapped[int | None]
    segments: Mapped[int | None]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    """When the patient answered this check-in."""
    created_at: Mapped[datetime]

    def as_planned(self) -> PlannedMessage:
        """Return what the rules need to know of this message."""
        return PlannedMessage(
            key=self.key,
            kind=self.kind,
            channel=self.channel,
            wording=self.wording,
            due_at=self.due_at,
            send_at=self.send_at,
            send_before=self.send_before,
            useful_until=self.useful_until,
            state=self.state,
            reason=self.reason,
            slots=self.slots or {},
        )


MESSAGES: Table = Base.metadata.tables[Message.__tablename__]
"""The bare table, for statements by which many rows pass at once."""


def messages_of_session(db: Session, session_id: UUID) -> list[Message]:
    """Return a session's messages in sending order."""
    return list(
        db.scalars(
            select(Message)
            .where(Message.session_id == session_id)
            .order_by(Message.send_at, Message.id)
        )
    )


def going_out(
    db: Session, clinic_id: UUID, until: datetime, limit: int
) -> tuple[list[Message], int]:
    """Return the next messages to a clinic's patients that are due before `until`, and how many."""
    planned = (
        Message.clinic_id == clinic_id,
        Message.state == spelled(MessageState.PLANNED),
        Message.kind != MessageKind.NOTICE,
        # Each lane is a stretch of the index; without them all that is planned would be read.
        Message.lane.in_([int(lane) for lane in LANES]),
        Message.send_at < until,
    )
    asked = select(Message).where(*planned).order_by(Message.send_at, Message.id).limit(limit)
    count = db.scalar(select(func.count()).select_from(Message).where(*planned))
    return list(db.scalars(asked)), count or 0


def planned_of_session(db: Session, session_id: UUID) -> list[Message]:
    """Return what of a session is still planned, locked until the transaction ends."""
    return list(
        db.scalars(
            select(Message)
            .where(Message.session_id == session_id, Message.state == MessageState.PLANNED)
            .order_by(Message.send_at, Message.id)
            .with_for_update()
        )
    )


def message_by_ref(db: Session, provider_ref: str) -> Message | None:
    """Return the message a provider knows by this reference, locked; or None."""
    return db.scalar(select(Message).where(Message.provider_ref == provider_ref).with_for_update())


def end_all(messages: Iterable[Message], state: MessageState, reason: str) -> int:
    """Put messages that will not be sent into their last state; return how many there were."""
    count = 0
    for message in messages:
        message.state, message.reason = state, reason
        count += 1
    return count
