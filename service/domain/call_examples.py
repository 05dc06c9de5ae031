"""What a clinic's hours mean: by when replies would have to be called, at moments that matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from service.domain.deadlines import call_by
from service.domain.values import ClinicFacts, Level
from service.domain.windows import at_local_time, local_day, zone_named

LEVELS = (Level.EMERGENCY, Level.URGENT, Level.ROUTINE)
_FRIDAY, _SUNDAY = 4, 6
_SOON = timedelta(days=60)
"""A holiday further away teaches nobody anything."""


@dataclass(frozen=True)
class CallExample:
    """A reply flagged at `flagged_at`, and by when it must be called at each of `LEVELS`."""

    flagged_at: datetime
    call_by: tuple[datetime, ...]


def examples_at(moments: list[datetime], clinic: ClinicFacts) -> list[CallExample]:
    """Return by when a reply flagged at each of the moments must be called."""
    return [
        CallExample(moment, tuple(call_by(level, moment, clinic) for level in LEVELS))
        for moment in moments
    ]


def telling_moments(now: datetime, clinic: ClinicFacts) -> list[datetime]:
    """Return now, Friday before closing, Sunday noon and the next holiday's noon, in their order.

    Those are the moments at which hours and holidays make a difference.
    """
    zone = zone_named(clinic.time_zone)
    today = local_day(now, zone)
    friday = clinic.hours.get(_FRIDAY)
    near_closing = time(max(0, friday.closes.hour - 1), 30) if friday else time(17, 30)
    wanted = [
        (_next_weekday(today, _FRIDAY), near_closing),
        (_next_weekday(today, _SUNDAY), time(12)),
    ]
    holiday = min((day for day in clinic.holidays if today < day < today + _SOON), default=None)
    if holiday is not None:
        wanted.append((holiday, time(12)))
    return sorted({now, *(at_local_time(day, at, zone) for day, at in wanted)})


def _next_weekday(today: date, weekday: int) -> date:
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
