"""Which versions of the protocol this database has seen, and who approved each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from service.store.base import Base


class ProtocolVersion(Base):
    """A version of schedule, texts and rules; `digest` tells whether its files changed since."""

    __tablename__ = "protocol"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str]
    first_used_at: Mapped[datetime]
    approved_by: Mapped[str | None]
    """The licensed physical therapist who signed it; live use needs one (`clinical-protocol`)."""
    approved_at: Mapped[datetime | None]
