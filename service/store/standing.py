"""How the service stands for one clinic: what is late, unsure and unread, each by an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, literal, select, union_all
from sqlalchemy.orm import Session

from service.domain.values import LANES, FlagState, MessageState
from service.store.base import spelled
from service.store.flags import Flag
from service.store.messages import Message
from service.store.replies import Reply

_MOST = 10_000
"""Counting stops here: nobody needs to know a backlog more exactly."""


@dataclass(frozen=True)
class Unsent:
    """Messages whose time has come and that did not go out yet."""

    count: int
    oldest: datetime | None
    dropped: int
    """Of no use any more: they end with a reason instead of going out late."""
    moved: int
    """Outside their window now: they move to the next one, or end."""


@dataclass(frozen=True)
class Unanswered:
    """Flags that wait."""

    unread: int
    """Nobody has taken them."""
    oldest_unread: datetime | None
    overdue: int
    """Whose call is due and was not made."""


def unsent(db: Session, clinic_id: UUID, now: datetime) -> Unsent:
    """Return a clinic's messages that should have gone out, lane by lane as the claim looks."""
    lanes = [
        select(Message.send_at, Message.send_before, Message.useful_until)
        .where(
            Message.clinic_id == clinic_id,
            Message.lane == literal(int(lane)),
            Message.state == spelled(MessageState.PLANNED),
            Message.send_at <= now,
        )
        .order_by(Message.send_at)
        .limit(_MOST)
        .subquery()
        for lane in LANES
    ]
    late = union_all(*(select(lane) for lane in lanes)).subquery()
    dropped = late.c.useful_until <= now
    moved = (late.c.send_before <= now) & (late.c.useful_until > now)
    found = db.execute(
        select(
            func.count(),
            func.min(late.c.send_at),
            func.coalesce(func.sum(case((dropped, 1), else_=0)), 0),
            func.coalesce(func.sum(case((moved, 1), else_=0)), 0),
        ).select_from(late)
    ).one()
    return Unsent(*found)


def unanswered(db: Session, clinic_id: UUID, now: datetime) -> Unanswered:
    """Return what of a clinic's flags nobody has taken, and whose call is overdue."""
    is_open = Flag.state == FlagState.OPEN
    to_call_at = func.coalesce(Flag.next_try_at, Flag.due_at)
    found = db.execute(
        select(
            func.count().filter(is_open),
            func.min(Flag.raised_at).filter(is_open),
            func.count().filter(to_call_at <= now),
        ).where(Flag.clinic_id == clinic_id, Flag.state != spelled(FlagState.CLOSED))
    ).one()
    return Unanswered(*found)


def unsure(db: Session, clinic_id: UUID) -> int:
    """Return how many messages may or may not have gone out; the provider is being asked."""
    some = select(Message.id).where(
        Message.clinic_id == clinic_id, Message.state == spelled(MessageState.UNKNOWN)
    )
    return db.scalar(select(func.count()).select_from(some.limit(_MOST).subquery())) or 0


def unread_replies(db: Session, clinic_id: UUID) -> int:
    """Return how many replies the rules could not read; each waits for a person."""
    some = select(Reply.id).where(Reply.clinic_id == clinic_id, Reply.read_at.is_(None))
    return db.scalar(select(func.count()).select_from(some.limit(_MOST).subquery())) or 0
