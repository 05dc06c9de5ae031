"""The accounts of people who sign in, their recovery codes, and the links that set them up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Uuid, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.store.base import Base, HasId, enum_column
from service.store.secrets import Sealed, token_hash, vault_of


class LinkPurpose(StrEnum):
    """What a single-use link to a person who works here opens."""

    INVITATION = "invitation"
    RESET = "reset"


class Account(HasId, Base):
    """One person's way in, whatever number of clinics they work at."""

    __tablename__ = "account"

    email: Mapped[str] = mapped_column(Sealed("account.email"))
    email_hash: Mapped[bytes] = mapped_column(unique=True)
    password_hash: Mapped[str]
    totp_secret: Mapped[str | None] = mapped_column(Sealed("account.totp_secret"))
    """None only for the sandbox's samples, who sign in with a password alone there."""
    last_totp_step: Mapped[int] = mapped_column(default=0)
    """Codes of this time step and before are used up."""
    created_at: Mapped[datetime]
    password_set_at: Mapped[datetime]


class RecoveryCode(HasId, Base):
    """A code that stands in for the authenticator app, once; only its hash is stored."""

    __tablename__ = "recovery_code"

    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id"), index=True)
    code_hash: Mapped[str] = mapped_column(unique=True)
    used_at: Mapped[datetime | None]


class StaffLink(HasId, Base):
    """A link for one person to choose a password with; only its token's hash is stored."""

    __tablename__ = "staff_link"
    __table_args__ = (
        # A link lets one person in; without knowing whom it would let anybody in.
        CheckConstraint("staff_id IS NOT NULL OR account_id IS NOT NULL", name="names_somebody"),
    )

    purpose: Mapped[LinkPurpose] = mapped_column(enum_column(LinkPurpose))
    staff_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("staff.id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("account.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    totp_secret: Mapped[str | None] = mapped_column(Sealed("staff_link.totp_secret"))
    """Shown as a QR code while the invitation is open, the account's own afterwards."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


def email_hashes(db: Session, email: str) -> list[bytes]:
    """Return the keyed hashes an account may be found by, the current secret's first."""
    return vault_of(db.get_bind().dialect).lookup_hashes(email.strip().casefold())


def account_by_email(db: Session, email: str) -> Account | None:
    """Return the account of that mailbox, or None."""
    return db.scalar(select(Account).where(Account.email_hash.in_(email_hashes(db, email))))


def use_totp_step(db: Session, account_id: UUID, step: int) -> bool:
    """Take a code's time step for used; False when it, or a later one, was used before."""
    used = db.execute(
        update(Account)
        .where(Account.id == account_id, Account.last_totp_step < step)
        .values(last_totp_step=step)
        .execution_options(synchronize_session=False)
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]  # an update's result has it


def use_recovery_code(db: Session, account_id: UUID, code: str, now: datetime) -> bool:
    """Take a recovery code for used; False when there is none like it left."""
    used = db.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account_id,
            RecoveryCode.code_hash == token_hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]  # an update's result has it


def replace_recovery_codes(db: Session, account_id: UUID, codes: Iterable[str]) -> None:
    """Forget an account's recovery codes and keep these instead."""
    db.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    db.add_all(RecoveryCode(account_id=account_id, code_hash=token_hash(code)) for code in codes)


def recovery_codes_left(db: Session, account_id: UUID) -> int:
    """Return how many recovery codes an account has not used."""
    left = select(RecoveryCode.id).where(
        RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None)
    )
    return len(db.scalars(left).all())


def open_link(db: Session, purpose: LinkPurpose, token: str, now: datetime) -> StaffLink | None:
    """Return the link whose token this is, locked, while it can be used; or None."""
    return db.scalar(
        select(StaffLink)
        .where(
            StaffLink.purpose == purpose,
            StaffLink.token_hash == token_hash(token),
            StaffLink.used_at.is_(None),
            StaffLink.expires_at > now,
        )
        .with_for_update()
    )


def close_links(
    db: Session, now: datetime, *, staff_id: UUID | None = None, account_id: UUID | None = None
) -> None:
    """End whatever links one person has been given before."""
    whose = StaffLink.staff_id == staff_id if staff_id else StaffLink.account_id == account_id
    db.execute(update(StaffLink).where(whose, StaffLink.used_at.is_(None)).values(used_at=now))
