"""What the metrics ask of the database, each question bounded by an index or by a limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, literal, select, text, union_all
from sqlalchemy.orm import Session

from service.domain.values import LANES, Level
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.replies import Reply
from service.store.workers import Worker, clock_problems

MOST_COUNTED = 10_000
"""Counting stops here: a scrape must not read ten million planned rows."""
OVERDUE_AFTER = timedelta(minutes=1)
_REPLIES_OF = timedelta(hours=24)

# Written out, not bound: only so do both databases use the indexes on these rows alone.
_PLANNED = text("message.state = 'planned'")
_UNKNOWN = text("message.state = 'unknown'")
_NOT_CLOSED = text("flag.state <> 'closed'")


@dataclass(frozen=True)
class WaitingFlags:
    """Flags of one level that are not closed."""

    count: int
    overdue: int
    oldest: datetime
    """When the oldest was raised."""


@dataclass(frozen=True)
class Figures:
    """What can be said of the service without speaking of a patient or a clinic."""

    planned: int
    """At most `MOST_COUNTED`, or PostgreSQL's own estimate beyond."""
    overdue: int
    unknown: int
    replies: Mapping[Level | None, int]
    """Of the last 24 hours; None for those that triage has not read."""
    flags: Mapping[Level, WaitingFlags]
    newest_beat: datetime | None
    clock_problems: list[str]
    workers: list[Mapping[str, Any]]
    """What each worker has counted; see `pathway.tallies`."""


def figures(db: Session, now: datetime, beating: timedelta) -> Figures:
    """Return the figures at `now`; a worker that has not beat for `beating` is taken for dead."""
    return Figures(
        planned=_planned(db),
        overdue=_overdue(db, now),
        unknown=_bounded(db, _UNKNOWN),
        replies=_replies(db, now - _REPLIES_OF),
        flags=_flags(db, now),
        newest_beat=db.scalar(select(func.max(Worker.beat_at))),
        clock_problems=clock_problems(db, now - beating),
        workers=[one for one in db.scalars(select(Worker.figures)) if one],
    )


def _bounded(db: Session, condition: Any) -> int:
    some = select(Message.id).where(condition).limit(MOST_COUNTED).subquery()
    return db.scalar(select(func.count()).select_from(some)) or 0


def _planned(db: Session) -> int:
    counted = _bounded(db, _PLANNED)
    if counted < MOST_COUNTED or db.get_bind().dialect.name != "postgresql":
        return counted
    # The database keeps this figure itself, as of its last vacuum or analyze.
    known = text("SELECT reltuples FROM pg_class WHERE oid = 'ix_message_planned'::regclass")
    return max(counted, int(db.scalar(known) or 0))


def _overdue(db: Session, now: datetime) -> int:
    """Count what should have gone out, clinic by clinic and lane by lane, as the claim looks."""
    lanes = union_all(*(select(literal(int(lane)).label("lane")) for lane in LANES)).subquery(
        "lanes"
    )
    late = (
        select(Message.id)
        .where(
            Message.clinic_id == Clinic.id,
            Message.lane == lanes.c.lane,
            _PLANNED,
            Message.send_at < now - OVERDUE_AFTER,
        )
        # In the index's order, so that no plan reads the table for a lane that has none.
        .order_by(Message.send_at)
        .limit(MOST_COUNTED)
        .correlate(Clinic, lanes)
        .subquery()
    )
    counted = select(func.count()).select_from(late).scalar_subquery()
    each = select(counted.label("late")).select_from(Clinic).join(lanes, literal(True)).subquery()
    return int(db.scalar(select(func.coalesce(func.sum(each.c.late), 0))) or 0)


def _replies(db: Session, since: datetime) -> dict[Level | None, int]:
    counts = {}
    for level in (*Level, None):
        of_clinic = (
            select(func.count())
            .where(
                Reply.clinic_id == Clinic.id,
                Reply.received_at > since,
                Reply.level.is_(None) if level is None else Reply.level == level,
            )
            .correlate(Clinic)
            .scalar_subquery()
        )
        each = select(of_clinic.label("replies")).select_from(Clinic).subquery()
        counts[level] = int(db.scalar(select(func.coalesce(func.sum(each.c.replies), 0))) or 0)
    return counts


def _flags(db: Session, now: datetime) -> dict[Level, WaitingFlags]:
    waiting = db.execute(
        select(
            Flag.level,
            func.count(),
            func.sum(case((Flag.due_at < now, 1), else_=0)),
            func.min(Flag.raised_at),
        )
        .where(_NOT_CLOSED)
        .group_by(Flag.level)
    )
    return {level: WaitingFlags(count, int(over), old) for level, count, over, old in waiting}
