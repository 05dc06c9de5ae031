"""Which of a clinic's sessions a figure is about, as conditions that an index meets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, cast, func
from sqlalchemy.orm import Session

from service.store.sessions import TreatmentSession


@dataclass(frozen=True)
class Chosen:
    """Which of a clinic's sessions the figures are about; times are UTC, `until` is left out."""

    clinic_id: UUID
    since: datetime
    until: datetime
    by: str | None
    """Who recorded them; None: anybody."""
    region: str | None
    left_out: str
    """The reason of sessions that never took place: cards that were undone."""


def chosen_sessions(chosen: Chosen) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a session was chosen."""
    by = (TreatmentSession.created_by == chosen.by,) if chosen.by else ()
    listed = cast(TreatmentSession.regions, String)
    region = (listed.contains(f'"{chosen.region}"', autoescape=True),) if chosen.region else ()
    return (*in_dates(chosen), *by, *region)


def in_dates(chosen: Chosen) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a session is in the dates, whoever recorded it."""
    return (
        TreatmentSession.clinic_id == chosen.clinic_id,
        # Recorded when it ended, or a day before at most: that finds it by index.
        TreatmentSession.created_at >= chosen.since - timedelta(days=1),
        TreatmentSession.ended_at >= chosen.since,
        TreatmentSession.ended_at < chosen.until,
        TreatmentSession.state_reason.is_distinct_from(chosen.left_out),
    )


def one_by_one(db: Session, column: Any) -> Any:
    """Return the entries of a list in a column, a row each."""
    on_sqlite = db.get_bind().dialect.name == "sqlite"
    taken_apart = func.json_each if on_sqlite else func.jsonb_array_elements_text
    return taken_apart(column).table_valued("value", name="entry")
