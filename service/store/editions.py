"""The editions of the protocol that clinics drafted and approved; an approved one never changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, ForeignKey, Index, UniqueConstraint, Uuid, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.protocol import editions
from service.domain.protocol.editions import Changes
from service.store.base import Base, HasId
from service.store.engine import snapshot

_A_DRAFT = text("approved_at IS NULL")


class Edition(HasId, Base):
    """What a clinic changes in the protocol: its one draft, and every edition it has approved."""

    __tablename__ = "edition"
    __table_args__ = (
        UniqueConstraint("clinic_id", "number"),
        Index(None, "version"),
        Index(
            "uq_edition_draft",
            "clinic_id",
            unique=True,
            postgresql_where=_A_DRAFT,
            sqlite_where=_A_DRAFT,
        ),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    number: Mapped[int]
    """1 for a clinic's first."""
    base: Mapped[int]
    """The version whose files it changes."""
    version: Mapped[int]
    """Follows from the content; the same content has the same version in every clinic."""
    changes: Mapped[dict[str, Any]]
    drafted_by: Mapped[str]
    changed_at: Mapped[datetime]
    approved_by: Mapped[str | None]
    """The clinician who signs for it, by name and licence."""
    approved_at: Mapped[datetime | None]

    def content(self) -> editions.Edition:
        """Return what it changes."""
        return editions.Edition(self.base, Changes.model_validate(self.changes))


def draft_of(db: Session, clinic_id: UUID, *, lock: bool = False) -> Edition | None:
    """Return the clinic's draft, or None; `lock` keeps others from changing it meanwhile."""
    asked = select(Edition).where(Edition.clinic_id == clinic_id, Edition.approved_at.is_(None))
    return db.scalar(asked.with_for_update() if lock else asked)


def editions_of(db: Session, clinic_id: UUID) -> list[Edition]:
    """Return the editions that a clinic has approved, newest first."""
    asked = select(Edition).where(Edition.clinic_id == clinic_id, Edition.approved_at.is_not(None))
    return list(db.scalars(asked.order_by(Edition.number.desc())))


def others_of_version(db: Session, edition: Edition) -> list[Edition]:
    """Return the other rows, of any clinic, that have an edition's version."""
    asked = select(Edition).where(Edition.version == edition.version, Edition.id != edition.id)
    return list(db.scalars(asked))


def editions_in(engine: Engine) -> Callable[[int], editions.Edition | None]:
    """Return what reads the edition of a version from a database, beside any open transaction."""
    rows = Base.metadata.tables[Edition.__tablename__].c
    asked = select(rows.base, rows.changes).limit(1)

    def read(version: int) -> editions.Edition | None:
        with snapshot(engine) as connection:
            found = connection.execute(asked.where(rows.version == version)).first()
        if found is None:
            return None
        return editions.Edition(found.base, Changes.model_validate(found.changes))

    return read
