"""Loose ends: who wrote and is not known, whom nothing reaches, and who does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.time_words import moment_words
from service.domain.windows import zone_named
from service.pathway.call_list import CallLine, lines_of, note_reading
from service.pathway.new_number import correct_number
from service.pathway.shared_phones import NotOneOfThem
from service.store.call_list import Which, counts, row_of_flag, rows_of_page
from service.store.clinics import Clinic

MOST_SHOWN = 20
"""Of one sort; the rest is on its own list among the calls."""
SORTS = (Which.UNKNOWN_SENDERS, Which.SHARED_PHONES, Which.UNDELIVERED, Which.SILENT)


@dataclass(frozen=True)
class Sort:
    """Everything of one sort that waits, the most urgent first."""

    which: Which
    lines: tuple[CallLine, ...]
    count: int


@dataclass(frozen=True)
class LooseEnds:
    """The four sorts, also those of which there is none."""

    sorts: tuple[Sort, ...]
    at: str


def loose_ends(db: Session, clinic: Clinic, me: str, now: datetime) -> LooseEnds:
    """Return what waits in each sort, and write down that it was read."""
    counted = counts(db, clinic.id, me)
    sorts = tuple(
        Sort(
            which,
            lines_of(
                db,
                clinic,
                rows_of_page(db, clinic.id, which, me, start=0, limit=MOST_SHOWN),
                me,
                now,
            )
            if counted[which]
            else (),
            counted[which],
        )
        for which in SORTS
    )
    shown = (line.flag_id for sort in sorts for line in sort.lines)
    note_reading(db, clinic.id, shown, me, now)
    return LooseEnds(sorts, moment_words(now, zone_named(clinic.time_zone), now))


def correct_number_of(
    db: Session, clinic_id: UUID, flag_id: UUID, phone: str, *, by: str, now: datetime
) -> int:
    """Correct the number of the patient a flag is about; see `correct_number`.

    Raises `NotOneOfThem` when the flag is about nobody known, or is another clinic's.
    """
    row = row_of_flag(db, clinic_id, flag_id)
    if row is None or row.patient is None:
        raise NotOneOfThem
    return correct_number(db, clinic_id, row.patient.id, phone, by=by, now=now)
