"""How well replies are read, measured against labelled rows under the triage guide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from service.domain.triage.lines import Row, reading_of
from service.domain.triage.readings import Reading
from service.domain.triage.rules import Rules

_RED = ("emergency", "urgent")


@dataclass(frozen=True)
class Judged:
    """A labelled row and how it was read."""

    row: Row
    reading: Reading

    @property
    def found(self) -> str:
        """The level it was read as."""
        return self.reading.level.value

    @property
    def label(self) -> str:
        """The level it is labelled with."""
        return str(self.row["level"])


Test = Callable[[Judged], bool]


def evaluate(rows: Iterable[Row], rules: Rules | None = None) -> dict[str, Any]:
    """Return every figure for labelled `rows`, over all and by language and by flag."""
    judged = [Judged(row, reading_of(row, rules)) for row in rows]
    languages = sorted({str(each.row.get("lang")) for each in judged})
    return {
        "rows": len(judged),
        "figures": figures(judged),
        "by_language": {
            language: figures([each for each in judged if each.row.get("lang") == language])
            for language in languages
        },
        "by_flag": _by_flag(judged),
        "errors": errors(judged),
    }


def figures(judged: Sequence[Judged]) -> dict[str, dict[str, float | int | None]]:
    """Return the measures of the triage goal, each with its 95 % interval."""
    emergencies = [each for each in judged if each.label == "emergency"]
    red = [each for each in judged if each.label in _RED]
    fine = [each for each in judged if each.label == "ok"]
    called_emergency = [each for each in judged if each.found == "emergency"]
    asked_to_stop = [each for each in judged if each.row.get("opt_out")]
    read_as_stop = [each for each in judged if each.reading.opt_out]
    return {
        "emergency_found": _share(emergencies, lambda each: each.found == "emergency"),
        "emergency_below_urgent": _share(emergencies, lambda each: each.found not in _RED),
        "red_found": _share(red, lambda each: each.found in _RED),
        "red_called_ok": _share(red, lambda each: each.found == "ok"),
        "false_alarms": _share(fine, lambda each: each.found in _RED),
        "needless_work": _share(fine, lambda each: each.found != "ok"),
        "level_accepted": _share(judged, _accepted),
        "emergency_precision": _share(
            called_emergency, lambda each: "emergency" in each.row["accept"]
        ),
        "opt_out_recall": _share(asked_to_stop, lambda each: each.reading.opt_out),
        "opt_out_precision": _share(read_as_stop, lambda each: bool(each.row.get("opt_out"))),
        "score_exact": _share(judged, lambda each: each.reading.score == each.row.get("score")),
        "flag_of_red": _share(
            red, lambda each: not set(each.reading.categories).isdisjoint(each.row["flags"])
        ),
    }


def errors(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Return the rows whose level is not an accepted one, by id and level, without their text."""
    return [
        {
            "id": each.row.get("id"),
            "label": each.label,
            "read_as": each.found,
            "flags": list(each.reading.categories),
        }
        for each in judged
        if not _accepted(each)
    ]


def _accepted(each: Judged) -> bool:
    return each.found in each.row["accept"]


def _by_flag(judged: Sequence[Judged]) -> dict[str, dict[str, float | int | None]]:
    flags = sorted({flag for each in judged for flag in each.row["flags"]})
    return {flag: _flag_recall(judged, flag) for flag in flags}


def _flag_recall(judged: Sequence[Judged], flag: str) -> dict[str, float | int | None]:
    holding = [each for each in judged if flag in each.row["flags"]]
    return _share(holding, lambda each: flag in each.reading.categories)


def _share(among: Sequence[Judged], holds: Test) -> dict[str, float | int | None]:
    """Return how many of how many, the share and its Wilson interval; None of nothing."""
    count, total = sum(holds(each) for each in among), len(among)
    if total == 0:
        return {"count": 0, "of": 0, "share": None, "low": None, "high": None}
    low, high = wilson(count, total)
    return {
        "count": count,
        "of": total,
        "share": round(count / total, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share; honest at 0 and 100 % as well."""
    z = 1.96
    share = count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)
