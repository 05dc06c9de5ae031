"""How urgent a pain score is (`clinical-protocol` C4)."""

from __future__ import annotations

from collections.abc import Iterable

from service.domain.values import Level

DAY_FOUR_FROM_HOURS = 72.0
WEEK_HOURS = 7 * 24.0
_REAL_CHANGE = 2
"""A change of 2 points counts; 1 is within noise (R26)."""


def pain_findings(
    score: int,
    hours: float | None,
    baseline: int | None,
    previous: int | None,
    *,
    bare: bool = True,
) -> tuple[tuple[str, Level], ...]:
    """Return the categories a score raises with their level; empty when it is as expected.

    `hours` since the session choose the column; unknown hours are read as the first days. Old,
    steady pain of 7 or 8 is routine only as a `bare` number: who adds words to it has something
    to say, and the labelling guide calls every score from 7 on urgent.
    """
    if score <= 3:
        return ()
    rise = None if baseline is None else score - baseline
    worse = (rise is not None and rise >= _REAL_CHANGE) or (
        previous is not None and score >= previous + _REAL_CHANGE
    )
    late = hours is not None and hours >= DAY_FOUR_FROM_HOURS
    found: list[tuple[str, Level]] = []
    if score >= 7:
        steady = rise is not None and rise <= 0 and (previous is None or score <= previous)
        old = bare and score <= 8 and steady and not late
        found.append(("severe_pain", Level.ROUTINE if old else Level.URGENT))
    if worse:
        found.append(("worsening", Level.URGENT))
    if late:
        reference = previous if previous is not None else baseline
        if reference is not None and score >= reference:
            found.append(("not_improving", Level.URGENT))
        elif not found:
            found.append(("not_improving", Level.ROUTINE))
    return tuple(found)


def highest(levels: Iterable[Level]) -> Level:
    """Return the most urgent of `levels`; `ok` when there is none."""
    return min(levels, key=lambda level: level.rank, default=Level.OK)
