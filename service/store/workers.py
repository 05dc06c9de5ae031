"""Workers' heartbeats, and the places where periodic work left off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.store.base import Base, HasId

BEATING = timedelta(minutes=2)
"""A worker that has not ticked for longer is taken for dead (`reliability` T8)."""


class Worker(HasId, Base):
    """One running worker; `beat_at` moves with every tick."""

    __tablename__ = "worker"

    name: Mapped[str]
    """Host and process id."""
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    figures: Mapped[dict[str, Any] | None]
    """What it has counted since it started, and what is wrong with its clock; no patient's data."""


class Bookmark(Base):
    """How far periodic work has come, kept only after the commit of what it did (I3)."""

    __tablename__ = "bookmark"

    name: Mapped[str] = mapped_column(primary_key=True)
    reached: Mapped[datetime]


def newest_beat(db: Session) -> datetime | None:
    """Return when any worker last beat, or None when none ever ran."""
    return db.scalar(select(func.max(Worker.beat_at)))


def record_beat(
    db: Session, worker_id: UUID, name: str, now: datetime, figures: dict[str, Any] | None = None
) -> None:
    """A worker is alive at `now` and has counted `figures`; the first beat adds its row."""
    worker = db.get(Worker, worker_id)
    if worker is None:
        worker = Worker(id=worker_id, name=name, started_at=now)
        db.add(worker)
    worker.beat_at = now
    worker.figures = figures


def clock_problems(db: Session, since: datetime) -> list[str]:
    """Return what workers that beat after `since` say is wrong with their clocks."""
    beating = select(Worker.figures).where(Worker.beat_at > since, Worker.stopped_at.is_(None))
    found = {(figures or {}).get("clock") for figures in db.scalars(beating)}
    return sorted(problem for problem in found if problem)


def beating_figures(db: Session, since: datetime) -> list[Mapping[str, Any]]:
    """Return what workers that beat after `since` have counted; see `pathway.tallies`."""
    beating = select(Worker.figures).where(Worker.beat_at > since, Worker.stopped_at.is_(None))
    return [figures for figures in db.scalars(beating) if figures]


def bookmark(db: Session, name: str) -> datetime | None:
    """Return how far the work called `name` has come, or None when it never ran."""
    found = db.get(Bookmark, name)
    return found.reached if found else None


def move_bookmark(db: Session, name: str, reached: datetime) -> None:
    """The work called `name` has come as far as `reached`."""
    found = db.get(Bookmark, name)
    if found is None:
        db.add(Bookmark(name=name, reached=reached))
    else:
        found.reached = reached
