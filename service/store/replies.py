"""What patients wrote, each once, and how it was read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    UniqueConstraint,
    Uuid,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.values import Channel, Level
from service.store.base import Base, HasId, enum_column
from service.store.secrets import Sealed, SealedJSON


class Reply(HasId, Base):
    """One inbound text, email or answered page; stored as received, once per provider id (I1).

    `read_at` is None until triage has written what it found: until then it needs a person (I4).
    """

    __tablename__ = "reply"
    __table_args__ = (
        UniqueConstraint("provider", "provider_ref"),
        Index(None, "address_id", "received_at"),
        Index(None, "patient_id", "received_at"),
        Index(None, "clinic_id", "received_at"),
        Index(
            "ix_reply_unread",
            "received_at",
            postgresql_where=text("read_at IS NULL"),
            sqlite_where=text("read_at IS NULL"),
        ),
        Index(
            "ix_reply_act",
            "act_at",
            postgresql_where=text("act_at IS NOT NULL"),
            sqlite_where=text("act_at IS NOT NULL"),
        ),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    provider: Mapped[str]
    """`twilio`, `email` or `page`."""
    provider_ref: Mapped[str]
    address_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("address.id"))
    """Whom it came from; known or not."""
    patient_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("patient.id"))
    session_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("treatment_session.id"))
    checkin_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("message.id"))
    """The check-in that it answers."""
    body: Mapped[str | None] = mapped_column(Sealed("reply.body"))
    media: Mapped[Any | None] = mapped_column(SealedJSON("reply.media"))
    """References to photos and voice notes; the files stay with the provider."""
    received_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    level: Mapped[Level | None] = mapped_column(enum_column(Level))
    score: Mapped[int | None]
    categories: Mapped[list[str] | None]
    findings: Mapped[Any | None] = mapped_column(SealedJSON("reply.findings"))
    """What was found, with the characters that made it and why some do not count."""
    answer: Mapped[str | None]
    """The key of the text that went back, or `none`."""
    act_at: Mapped[datetime | None]
    """When to act if `answer` stays unanswered, or did not arrive; None: nothing is owed."""
    opt_out: Mapped[bool] = mapped_column(default=False)
    rules_version: Mapped[str | None]


_BY_REF = select(Reply).where(
    Reply.provider == bindparam("provider"), Reply.provider_ref == bindparam("ref")
)


def reply_by_ref(db: Session, provider: str, provider_ref: str) -> Reply | None:
    """Return the stored reply a provider knows by this id, or None."""
    return db.scalar(_BY_REF, {"provider": provider, "ref": provider_ref})


_LAST_SCORE = (
    select(Reply.score)
    .where(Reply.session_id == bindparam("session"), Reply.score.is_not(None))
    .order_by(Reply.received_at.desc(), Reply.id.desc())
    .limit(1)
)


def last_score(db: Session, session_id: UUID) -> int | None:
    """Return the pain score (0-10) that was last answered for a session, or None."""
    return db.scalar(_LAST_SCORE, {"session": session_id})


def replies_of_session(db: Session, session_id: UUID) -> list[Reply]:
    """Return what was answered for a session, oldest first."""
    return list(
        db.scalars(
            select(Reply)
            .where(Reply.session_id == session_id)
            .order_by(Reply.received_at, Reply.id)
        )
    )


_SINCE = (
    select(Reply)
    .where(Reply.address_id == bindparam("address"), Reply.received_at >= bindparam("since"))
    .order_by(Reply.received_at, Reply.id)
)


def replies_since(db: Session, address_id: UUID, since: datetime) -> list[Reply]:
    """Return what came from one address since a moment, oldest first."""
    return list(db.scalars(_SINCE, {"address": address_id, "since": since}))


def replies_to_clinic(
    db: Session, clinic_id: UUID, since: datetime, limit: int
) -> tuple[list[Reply], int]:
    """Return the newest that patients wrote to a clinic since a moment, and how many there are."""
    asked = (Reply.clinic_id == clinic_id, Reply.received_at >= since)
    newest = select(Reply).where(*asked).order_by(Reply.received_at.desc(), Reply.id.desc())
    count = db.scalar(select(func.count()).select_from(Reply).where(*asked))
    return list(db.scalars(newest.limit(limit))), count or 0


def replies_of_page(db: Session, ref: str) -> list[Reply]:
    """Return what was written on one of our pages: its first answer, and what came after it."""
    return list(
        db.scalars(
            select(Reply)
            .where(
                Reply.provider == "page",
                (Reply.provider_ref == ref)
                | Reply.provider_ref.startswith(f"{ref}:", autoescape=True),
            )
            .order_by(Reply.received_at, Reply.id)
        )
    )
