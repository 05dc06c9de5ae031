"""What the clinic's clock shows in the sandbox: one row that all processes of a database share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.store.base import Base
from service.store.workers import newest_beat

SEEN_EVERY = timedelta(seconds=5)
"""Real time between two signs that somebody still lives by the clock."""
_NOBODY_AFTER = 6 * SEEN_EVERY


class SandboxClock(Base):
    """At the real moment `began_at` the clinic's clock showed `shown_at`, and ran at `speed`."""

    __tablename__ = "sandbox_clock"
    # Two clocks would be two stories of what happened first.
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime]
    shown_at: Mapped[datetime]
    speed: Mapped[float]
    seen_at: Mapped[datetime]
    """When, in real time, a process last lived by it."""

    def last_shown(self, now: datetime) -> datetime:
        """Return the latest time that anybody can have read from it."""
        until = min(now, self.seen_at + SEEN_EVERY)
        return self.shown_at + (until - self.began_at) * self.speed


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a fast clock starts: real moment, clinic moment, clinic seconds a second."""

    began_at: datetime
    shown_at: datetime
    speed: float


def join_clock(db: Session, now: datetime, speed: float) -> Anchor:
    """Return the clock that this database's processes share; whoever comes first starts it.

    `now` is real. A clock by which nobody has lived for a while stood still meanwhile; it goes on
    from the latest time that it showed, and so it does at another `speed`: it never goes back.
    """
    _start_unless_started(db, now, speed)
    clock = db.get_one(SandboxClock, 1, with_for_update=True)
    if clock.speed != speed or now - clock.seen_at > _NOBODY_AFTER:
        shown = max(now, clock.last_shown(now), newest_beat(db) or now)
        clock.began_at, clock.shown_at, clock.speed = now, shown, speed
    clock.seen_at = max(now, clock.seen_at)
    return Anchor(clock.began_at, clock.shown_at, clock.speed)


def has_clock(db: Session) -> bool:
    """Has this database ever lived by a fast clock?"""
    return db.get(SandboxClock, 1) is not None


def live_by_clock(db: Session, now: datetime) -> None:
    """Somebody still lives by the clock at the real moment `now`."""
    clock = db.get(SandboxClock, 1)
    if clock is not None:
        clock.seen_at = max(now, clock.seen_at)


def _start_unless_started(db: Session, now: datetime, speed: float) -> None:
    insert: Any = postgresql if db.get_bind().dialect.name == "postgresql" else sqlite
    shown = max(now, newest_beat(db) or now)
    first = {"id": 1, "began_at": now, "shown_at": shown, "speed": speed, "seen_at": now}
    db.execute(insert.insert(SandboxClock).values(first).on_conflict_do_nothing())
