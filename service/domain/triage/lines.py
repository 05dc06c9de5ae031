"""Replies as JSON lines: one labelled or unlabelled row in, one reading out (`design.md` 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from service.domain.triage.engine import read_reply
from service.domain.triage.readings import Circumstances, Reading
from service.domain.triage.rules import Rules
from service.domain.values import Language, Level

_HOURS = {"48h": 48.0, "96h": 96.0, "none": None}
Row = Mapping[str, Any]


class RowError(ValueError):
    """A line cannot be read as a reply; says which field is wrong, never what it holds."""


def answer_line(row: Row, rules: Rules | None = None) -> dict[str, Any]:
    """Return the reading of one row as the object `aftercare triage` prints for it.

    Raises `RowError` for a row without text or with fields of the wrong kind.
    """
    reading = reading_of(row, rules)
    return {
        "id": row.get("id"),
        "level": reading.level.value,
        "flags": list(reading.categories),
        "score": reading.score,
        "opt_out": reading.opt_out,
        "evidence": [
            {
                "category": finding.category,
                "text": row["text"][finding.start : finding.end],
                "start": finding.start,
                "end": finding.end,
                "cue": finding.cue,
                "dropped": finding.dropped,
            }
            for finding in reading.findings
        ],
    }


def reading_of(row: Row, rules: Rules | None = None) -> Reading:
    """Read the reply of one row in the circumstances the row tells. Raises `RowError`."""
    text = row.get("text")
    if not isinstance(text, str):
        raise RowError("text must be a string")
    return read_reply(text, _circumstances(row), rules)


def _circumstances(row: Row) -> Circumstances:
    checkin = row.get("checkin", "none")
    if checkin not in _HOURS:
        raise RowError("checkin must be 48h, 96h or none")
    return Circumstances(
        language=_language(row.get("lang")),
        hours_since_session=_HOURS[checkin],
        baseline=_pain(row, "baseline"),
        previous=_pain(row, "previous"),
        checkin_open=checkin != "none",
    )


def _language(hint: object) -> Language | None:
    """A hint that names no language of the service is no hint."""
    return Language(hint) if hint in ("en", "es") else None


def _pain(row: Row, field: str) -> int | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10:
        raise RowError(f"{field} must be 0 to 10 or null")
    return value


def differences(rows: Iterable[Row], old: Rules, new: Rules) -> list[dict[str, Any]]:
    """Return what a change of rules would change: one entry for each row read differently."""
    changed = []
    for row in rows:
        before, after = answer_line(row, old), answer_line(row, new)
        fields = [
            field
            for field in ("level", "flags", "score", "opt_out")
            if before[field] != after[field]
        ]
        if fields:
            changed.append(
                {
                    "id": row.get("id"),
                    "old": {field: before[field] for field in fields},
                    "new": {field: after[field] for field in fields},
                }
            )
    return changed


def move_of(change: Mapping[str, Any]) -> str:
    """Return where the level of an entry of `differences` went: `up`, `down`, or `same`."""
    if "level" not in change["new"]:
        return "same"
    before, after = Level(change["old"]["level"]), Level(change["new"]["level"])
    return "up" if after.rank < before.rank else "down"
