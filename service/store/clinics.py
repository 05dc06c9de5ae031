"""Clinics, their staff and their API keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid, bindparam, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.values import ClinicFacts, OpenHours, Role
from service.store.accounts import Account
from service.store.base import Base, HasId, enum_column
from service.store.secrets import Sealed, token_hash


class Clinic(HasId, Base):
    """A clinic: its sender, its hours, and whether it may send at the moment."""

    __tablename__ = "clinic"
    __table_args__ = (
        # The number a patient writes to decides the clinic.
        UniqueConstraint("sender"),
    )

    name: Mapped[str]
    phone: Mapped[str]
    """The number patients are told to call."""
    time_zone: Mapped[str]
    sender: Mapped[str | None]
    """Twilio number (E.164) or Messaging Service (MG…); None: no texts yet."""
    inbound_number: Mapped[str | None] = mapped_column(unique=True)
    """The number patients write to, when `sender` is a Messaging Service."""
    email_from: Mapped[str | None]
    hours: Mapped[dict[str, Any]]
    """Weekday ("0" is Monday) to ["08:00", "18:00"], local; an absent weekday is closed."""
    holidays: Mapped[list[str]]
    """Local ISO dates on which nobody works."""
    segments_per_second: Mapped[float] = mapped_column(default=1.0)
    """What the carriers let this sender pass; texts are paced to it."""
    sender_free_at: Mapped[datetime | None]
    """Until then the sender's allowance is spent (a leaky bucket that any worker may draw from)."""
    sending_stopped_at: Mapped[datetime | None]
    sending_stopped_because: Mapped[str | None]
    protocol_version: Mapped[int | None]
    """The clinic's own edition, for new sessions; None: the protocol as its files have it."""
    created_at: Mapped[datetime]

    def facts(self) -> ClinicFacts:
        """Return what the rules need to know of this clinic."""
        return ClinicFacts(
            name=self.name,
            phone=self.phone,
            time_zone=self.time_zone,
            hours={
                int(day): OpenHours(time.fromisoformat(opens), time.fromisoformat(closes))
                for day, (opens, closes) in self.hours.items()
            },
            holidays=frozenset(date.fromisoformat(day) for day in self.holidays),
        )


class Staff(HasId, Base):
    """Someone who works at a clinic, and whether they are called when a flag waits."""

    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("clinic_id", "email_hash"),)

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"), index=True)
    name: Mapped[str] = mapped_column(Sealed("staff.name"))
    email: Mapped[str] = mapped_column(Sealed("staff.email"))
    email_hash: Mapped[bytes]
    phone: Mapped[str | None] = mapped_column(Sealed("staff.phone"))
    role: Mapped[Role] = mapped_column(enum_column(Role))
    duty: Mapped[str | None]
    """`on_call`, `lead` or `director`: whom an escalation reaches (`clinical-protocol` C1)."""
    account_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey(Account.id), index=True)
    """With which they sign in; None until they have accepted their invitation."""
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class ApiKey(HasId, Base):
    """A key that another system uses; only its hash is stored, and it opens one clinic."""

    __tablename__ = "api_key"
    __table_args__ = (Index(None, "key_hash", unique=True),)

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"), index=True)
    name: Mapped[str]
    key_hash: Mapped[str]
    hint: Mapped[str]
    """The first characters of the key, to tell one from another in a list."""
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


def clinic_by_id(db: Session, clinic_id: UUID) -> Clinic | None:
    """Return the clinic, or None."""
    return db.get(Clinic, clinic_id)


def clinic_by_name(db: Session, name: str) -> Clinic | None:
    """Return the clinic of that name, or of that id written out; or None."""
    try:
        return db.get(Clinic, UUID(name))
    except ValueError:
        return db.scalar(select(Clinic).where(Clinic.name == name))


_WRITTEN_TO = select(Clinic).where(
    (Clinic.sender == bindparam("number")) | (Clinic.inbound_number == bindparam("number"))
)


def clinic_written_to(db: Session, number: str) -> Clinic | None:
    """Return the clinic whose number a patient wrote to (E.164, or a Messaging Service's id)."""
    return db.scalar(_WRITTEN_TO, {"number": number})


def clinics_with_mailbox(db: Session, addresses: Iterable[str]) -> list[Clinic]:
    """Return the clinics whose emails come from one of these addresses, oldest first."""
    wanted = [address.lower() for address in addresses]
    return list(
        db.scalars(
            select(Clinic)
            .where(func.lower(Clinic.email_from).in_(wanted))
            .order_by(Clinic.created_at, Clinic.id)
        )
    )


def all_clinics(db: Session) -> list[Clinic]:
    """Return every clinic by name."""
    return list(db.scalars(select(Clinic).order_by(Clinic.name)))


def staff_of(db: Session, clinic_id: UUID, *, active_only: bool = True) -> list[Staff]:
    """Return a clinic's staff in the order they were added."""
    asked = select(Staff).where(Staff.clinic_id == clinic_id).order_by(Staff.created_at, Staff.id)
    if active_only:
        asked = asked.where(Staff.disabled_at.is_(None))
    return list(db.scalars(asked))


def memberships(db: Session, account_id: UUID) -> list[tuple[Staff, Clinic]]:
    """Return where a person works now, by the clinic's name."""
    found = db.execute(
        select(Staff, Clinic)
        .join(Clinic, Clinic.id == Staff.clinic_id)
        .where(Staff.account_id == account_id, Staff.disabled_at.is_(None))
        .order_by(Clinic.name, Staff.id)
    )
    return [(staff, clinic) for staff, clinic in found]


def api_keys_of(db: Session, clinic_id: UUID) -> list[ApiKey]:
    """Return a clinic's API keys, oldest first."""
    return list(
        db.scalars(select(ApiKey).where(ApiKey.clinic_id == clinic_id).order_by(ApiKey.created_at))
    )


def api_key_by_token(db: Session, token: str) -> ApiKey | None:
    """Return the enabled key whose token this is, or None."""
    return db.scalar(
        select(ApiKey).where(ApiKey.key_hash == token_hash(token), ApiKey.disabled_at.is_(None))
    )
