"""Who is signed in on which browser, and how often guessing has failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ForeignKey, Uuid, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.back_off import FORGOTTEN_AFTER, pause_after
from service.domain.values import Role
from service.store.base import Base, HasId, enum_column
from service.store.secrets import token_hash


class SignIn(HasId, Base):
    """One browser in which somebody signed in; only the hash of its cookie is stored."""

    __tablename__ = "sign_in"

    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    complete: Mapped[bool]
    """False between the password and the code: it opens nothing but the page for the code."""
    tries: Mapped[int] = mapped_column(default=0)
    """Codes that were tried; after a few the password is asked for again."""
    staff_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("staff.id"))
    """Which of their clinics they work in; None until they have chosen."""
    role: Mapped[Role | None] = mapped_column(enum_column(Role))
    """Their role there when they chose it: another role wants another sign-in."""
    created_at: Mapped[datetime]
    began_at: Mapped[datetime]
    """When the password was typed; a change of clinic is no new day."""
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Throttle(Base):
    """How often one thing that guesses, or is guessed at, has failed of late."""

    __tablename__ = "throttle"

    key: Mapped[bytes] = mapped_column(primary_key=True)
    """A keyed hash: neither the address nor the account can be read from it."""
    failures: Mapped[int]
    last_at: Mapped[datetime]
    free_at: Mapped[datetime]


def sign_in_by_token(db: Session, token: str) -> SignIn | None:
    """Return the sign-in whose cookie this is, unless it was ended; how old it is, is not asked."""
    return db.scalar(
        select(SignIn).where(SignIn.token_hash == token_hash(token), SignIn.ended_at.is_(None))
    )


def end_sign_ins(
    db: Session,
    now: datetime,
    *,
    account_id: UUID | None = None,
    staff_id: UUID | None = None,
    but: UUID | None = None,
) -> None:
    """End every sign-in of an account, or in one clinic; `but` is kept."""
    whose = SignIn.account_id == account_id if account_id else SignIn.staff_id == staff_id
    ending = update(SignIn).where(whose, SignIn.ended_at.is_(None)).values(ended_at=now)
    db.execute(ending if but is None else ending.where(SignIn.id != but))


def count_try(db: Session, allowed: Iterable[tuple[bytes, int]], now: datetime) -> timedelta | None:
    """Count a try as failed before it is judged; return how long to wait instead, if it must.

    `allowed` are keys with their free failures. Counting first keeps parallel guesses from
    slipping through together.
    """
    # In one order, so that two tries never wait for each other.
    rows = [(_locked(db, key, now), free) for key, free in sorted(allowed)]
    latest = max((row.free_at for row, _ in rows), default=now)
    if latest > now:
        return latest - now
    for row, free in rows:
        row.failures = row.failures + 1 if now - row.last_at < FORGOTTEN_AFTER else 1
        row.last_at = now
        row.free_at = now + pause_after(row.failures, free)
    return None


def forget_tries(db: Session, keys: Iterable[bytes]) -> None:
    """What was tried was right: the failures before it count no more."""
    db.execute(delete(Throttle).where(Throttle.key.in_(list(keys))))


def forgive_try(db: Session, key: bytes, now: datetime) -> None:
    """Take back one counted try, of a place from which others may be guessing."""
    row = db.get(Throttle, key, with_for_update=True)
    if row is not None:
        row.failures = max(0, row.failures - 1)
        row.free_at = now


def _locked(db: Session, key: bytes, now: datetime) -> Throttle:
    first = {"key": key, "failures": 0, "last_at": now, "free_at": now}
    insert = sqlite if db.get_bind().dialect.name == "sqlite" else postgresql
    db.execute(insert.insert(Throttle).values(first).on_conflict_do_nothing())
    return db.scalars(select(Throttle).where(Throttle.key == key).with_for_update()).one()
