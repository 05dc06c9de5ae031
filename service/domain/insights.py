"""What a clinic's figures say: shares, middles and bands, and when a group is too small to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SMALLEST_GROUP = 5
"""Patients. Of fewer no share, middle or picture is shown: it would tell of a person, or chance."""

PERCENTILES = (50, 90)
"""The middle, and what nine in ten stay within."""


@dataclass(frozen=True)
class HourBand:
    """A stretch of hours since the session: from the one before it to `until`."""

    key: str
    name: str
    until: int


HOUR_BANDS = (
    HourBand("h24", "0-24 h", 24),
    HourBand("h48", "24-48 h", 48),
    HourBand("h72", "48-72 h", 72),
    HourBand("h96", "72-96 h", 96),
    HourBand("h120", "96-120 h", 120),
    HourBand("h168", "120-168 h", 168),
)
"""Finer in the first days, when soreness peaks and goes (`clinical-protocol` R8); up to a week."""

ADVERSE = (
    "breathing",
    "chest_pain",
    "collapse",
    "stroke",
    "allergic",
    "cauda_equina",
    "limb_threat",
    "abdominal_flank",
    "infection",
    "nerve",
    "weakness",
    "spasm",
    "bleeding",
    "severe_pain",
    "worsening",
    "dizziness",
    "headache",
    "dry_cough",
    "retained_needle",
    "pregnancy",
    "adverse_event",
    "self_harm",
)
"""What a needling may have done, most serious first (`clinical-protocol` C2); questions, wishes and
what could not be read are no events."""

_MILD, _MODERATE = 3, 6
"""Pain up to 3 is mild, up to 6 moderate, from 7 on severe (`clinical-protocol` C4, R26)."""


@dataclass(frozen=True)
class Spread:
    """How scores from 0 to 10 lie: the middle half, and how many are mild, moderate, severe."""

    low: int
    middle: int
    high: int
    mild: int
    moderate: int
    severe: int

    @property
    def answers(self) -> int:
        """How many scores there are."""
        return self.mild + self.moderate + self.severe


def spread(counts: Mapping[int, int]) -> Spread | None:
    """Return how scores lie, given how often each was answered; None when none was."""
    if not sum(counts.values()):
        return None
    return Spread(
        low=_at_rank(counts, 25),
        middle=_at_rank(counts, 50),
        high=_at_rank(counts, 75),
        mild=_between(counts, 0, _MILD),
        moderate=_between(counts, _MILD + 1, _MODERATE),
        severe=_between(counts, _MODERATE + 1, 10),
    )


def percent(part: int, whole: int) -> int:
    """Return a share as a whole percentage; of nothing it is 0. Halves go up."""
    return (200 * part + whole) // (2 * whole) if whole else 0


def per_hundred(part: int, whole: int) -> float:
    """Return how many there are in a hundred, to a tenth; of nothing it is 0."""
    return round(100 * part / whole, 1) if whole else 0.0


def enough(patients: int) -> bool:
    """Are there enough patients to say something of them together?"""
    return patients >= SMALLEST_GROUP


def _at_rank(counts: Mapping[int, int], percentile: int) -> int:
    """Return the score at the nearest rank."""
    wanted = (sum(counts.values()) * percentile + 99) // 100
    seen = 0
    for score in sorted(counts):
        seen += counts[score]
        if seen >= wanted:
            return score
    return max(counts)


def _between(counts: Mapping[int, int], low: int, high: int) -> int:
    return _sum(count for score, count in counts.items() if low <= score <= high)


def _sum(counts: Iterable[int]) -> int:
    return sum(counts)
