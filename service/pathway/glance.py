"""Whether what should be running runs: what a person must know before trusting a quiet list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.time_words import moment_words
from service.domain.windows import zone_named
from service.store.clinics import Clinic
from service.store.workers import BEATING, newest_beat


@dataclass(frozen=True)
class Glance:
    """What stands still. All None: nothing does."""

    no_worker_since: str | None
    """The last sign of any worker, in the clinic's time, when that is too long ago."""
    never_ran: bool
    """No worker has ever run."""
    stopped_at: str | None
    """When sending was stopped for the clinic, in its time."""
    stopped_because: str | None

    @property
    def all_well(self) -> bool:
        """Is there nothing to say?"""
        return not (self.never_ran or self.no_worker_since or self.stopped_at)


def glance(db: Session, clinic: Clinic, now: datetime, speed: float = 1) -> Glance:
    """Look at the worker and at the clinic's sending; `speed` is that of a sandbox's clock."""
    beat = newest_beat(db)
    silent = beat is not None and beat < now - BEATING * speed
    zone, stopped_at = zone_named(clinic.time_zone), clinic.sending_stopped_at
    return Glance(
        no_worker_since=moment_words(beat, zone, now) if beat and silent else None,
        never_ran=beat is None,
        stopped_at=moment_words(stopped_at, zone, now) if stopped_at else None,
        stopped_because=clinic.sending_stopped_because,
    )
