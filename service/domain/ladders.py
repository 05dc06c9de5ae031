"""The order in which staff are told of a flag that nobody takes, as a page lays it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.deadlines import (
    Audience,
    escalation_steps,
    is_open,
    next_opening,
    on_call_paged_at,
)
from service.domain.values import ClinicFacts, Level

_AN_HOUR = timedelta(hours=1)
_A_MINUTE = timedelta(minutes=1)
_HALF_A_DAY = timedelta(hours=12)
_TWO_WEEKS = 14 * 24


@dataclass(frozen=True)
class Rung:
    """Who is told next, and when in words: `at once`, `after 30 min`."""

    when: str
    audiences: tuple[Audience, ...]


@dataclass(frozen=True)
class Ladder:
    """One level's order; `repeated`, as `every 10 min`, follows until somebody acts."""

    level: Level
    during: str
    rungs: tuple[Rung, ...]
    repeated: Rung


def ladders(now: datetime, clinic: ClinicFacts) -> list[Ladder]:
    """Return the order for each level, for an urgent flag also while the clinic is closed long."""
    opening = next_opening(now, clinic)
    long_closed = _long_closed(now, clinic)
    found = [
        _ladder(Level.EMERGENCY, now, clinic, "at any hour"),
        _ladder(Level.URGENT, opening, clinic, "in opening hours"),
        _ladder(Level.ROUTINE, opening, clinic, "in opening hours"),
    ]
    if long_closed is not None:
        at_night = _ladder(Level.URGENT, long_closed, clinic, "while closed for 12 hours or more")
        found.insert(2, at_night)
    return found


def _long_closed(now: datetime, clinic: ClinicFacts) -> datetime | None:
    """An hour at which an urgent flag wakes on-call; None where the clinic never closes so long."""
    hours = (now + hour * _AN_HOUR for hour in range(_TWO_WEEKS))
    return next(
        (
            hour
            for hour in hours
            if not is_open(hour, clinic) and on_call_paged_at(Level.URGENT, hour, clinic) == hour
        ),
        None,
    )


def _ladder(level: Level, since: datetime, clinic: ClinicFacts, during: str) -> Ladder:
    steps = escalation_steps(level, since, clinic)
    together: dict[datetime, list[Audience]] = {}
    for step in steps:
        together.setdefault(step.at, []).append(step.audience)
    rungs = tuple(Rung(_when(level, at - since), tuple(them)) for at, them in together.items())
    last = steps[-1].at
    again = escalation_steps(level, since, clinic, until=last + timedelta(days=7))[len(steps)]
    every = again.at - last
    often = "every day" if every > _HALF_A_DAY else f"every {every // _A_MINUTE} min"
    return Ladder(level, during, rungs, Rung(often, (again.audience,)))


def _when(level: Level, after: timedelta) -> str:
    if not after:
        return "at once"
    if level is Level.ROUTINE:
        return "when the call is overdue"
    return f"after {after // _A_MINUTE} min"
