"""How urgent a pain score is (`clinical-protocol` C4)."""

from __future__ import annotations

from collections.abc import Iterable

from service.domain.values import USUAL_PAIN_RULES, Level, PainRules

DAY_FOUR_FROM_HOURS = 72.0
WEEK_HOURS = 7 * 24.0
_MILD = 3
"""Up to which pain is expected whatever it was before."""
_STEADY_UP_TO = 8
"""Up to which severe pain may be old and steady."""


def pain_findings(
    score: int,
    hours: float | None,
    baseline: int | None,
    previous: int | None,
    *,
    bare: bool = True,
    rules: PainRules = USUAL_PAIN_RULES,
) -> tuple[tuple[str, Level], ...]:
    """Return the categories a score raises with their level; empty when it is as expected.

    `hours` since the session choose the column; unknown hours are read as the first days. Old,
    steady pain up to 8 is routine only as a `bare` number: who adds words to it has something
    to say, and the labelling guide calls every severe score urgent.
    """
    if score <= _MILD:
        return ()
    rise = None if baseline is None else score - baseline
    worse = (rise is not None and rise >= rules.worse_by) or (
        previous is not None and score >= previous + rules.worse_by
    )
    late = hours is not None and hours >= DAY_FOUR_FROM_HOURS
    found: list[tuple[str, Level]] = []
    if score >= rules.severe_from:
        steady = rise is not None and rise <= 0 and (previous is None or score <= previous)
        old = bare and score <= _STEADY_UP_TO and steady and not late
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
