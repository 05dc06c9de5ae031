"""The audit trail: append-only, and chained so that a change to any entry shows."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.store.base import Base, HasId

_UNCHAINED = text("chain IS NULL")


class AuditEntry(HasId, Base):
    """Who did what to which record, when. No patient data: ids, states and reasons only.

    Entries are written with the change they record. They are chained afterwards, in order, by
    `chain_entries`, so that concurrent enrolments need not wait for one another.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index(None, "clinic_id", "at"),
        Index("ix_audit_unchained", "id", postgresql_where=_UNCHAINED, sqlite_where=_UNCHAINED),
        Index("uq_audit_position", "position", unique=True),
    )

    clinic_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("clinic.id"))
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    """`enrolled`, `opted_out`, `flag_raised`, `call_recorded`, …"""
    subject: Mapped[str]
    """The record's table and id, as `flag:…`."""
    detail: Mapped[dict[str, Any]]
    position: Mapped[int | None]
    chain: Mapped[str | None]


def record(
    db: Session,
    *,
    clinic_id: UUID | None,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    **detail: Any,
) -> None:
    """Write an entry with the change it records: both are committed, or neither."""
    db.add(
        AuditEntry(
            clinic_id=clinic_id, at=at, actor=actor, action=action, subject=subject, detail=detail
        )
    )


def chain_entries(db: Session, limit: int = 500) -> int:
    """Chain up to `limit` entries onto the newest chained one; return how many.

    The caller holds the only chaining transaction (the unique position refuses a second one).
    """
    last = db.scalar(
        select(AuditEntry)
        .where(AuditEntry.position.is_not(None))
        .order_by(AuditEntry.position.desc())
        .limit(1)
    )
    position, chain = (last.position or 0, last.chain or "") if last else (0, "")
    entries = db.scalars(
        select(AuditEntry).where(AuditEntry.chain.is_(None)).order_by(AuditEntry.id).limit(limit)
    ).all()
    for entry in entries:
        position += 1
        chain = _link(chain, position, entry)
        entry.position, entry.chain = position, chain
    return len(entries)


def first_broken(db: Session) -> int | None:
    """Return the position of the first entry that does not fit the chain, or None."""
    chain = ""
    chained = db.scalars(
        select(AuditEntry).where(AuditEntry.position.is_not(None)).order_by(AuditEntry.position)
    )
    for expected, entry in enumerate(chained, start=1):
        chain = _link(chain, expected, entry)
        if entry.position != expected or entry.chain != chain:
            return expected
    return None


def _link(previous: str, position: int, entry: AuditEntry) -> str:
    told = [
        previous,
        position,
        str(entry.id),
        str(entry.clinic_id),
        entry.at.isoformat(),
        entry.actor,
        entry.action,
        entry.subject,
        entry.detail,
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
