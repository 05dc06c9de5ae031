"""What one worker has sent since it started, counted where it happens: scrapes read sums only."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.domain.outcomes import Accepted, Refused
from service.pathway.verdicts import Attempt

LATENESS_BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds; how long after its time a message was taken by the provider."""


class Tally:
    """Counts attempts by channel and outcome, how late they were, and when duties last succeeded.

    Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self._late_sum = 0.0
        self._duties: dict[str, datetime] = {}

    def count(self, attempt: Attempt) -> None:
        """One message was handed over, or was not."""
        match attempt.outcome:
            case Accepted():
                outcome = "accepted"
            case Refused():
                outcome = "refused"
            case _:
                outcome = "unclear"
        with self._lock:
            self._sent[f"{attempt.claim.channel.value}/{outcome}"] += 1
            if outcome == "accepted":
                late = max(0.0, (attempt.at - attempt.claim.send_at).total_seconds())
                self._late[_bound_of(late)] += 1
                self._late_sum += late

    def duty_succeeded(self, name: str, at: datetime) -> None:
        """A duty came to its end without an error."""
        with self._lock:
            self._duties[name] = at

    def figures(self) -> dict[str, Any]:
        """Return all that was counted, as the worker's row keeps it."""
        with self._lock:
            return {
                "sent": dict(self._sent),
                "lateness": dict(self._late),
                "lateness_sum": round(self._late_sum, 3),
                "duties": {name: at.isoformat() for name, at in self._duties.items()},
            }


def sums(figures: list[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return the counts of several workers as one."""
    total: dict[str, Counter[str]] = {"sent": Counter(), "lateness": Counter()}
    for one in figures:
        for name, counter in total.items():
            counter.update(one.get(name, {}))
    return total


def _bound_of(seconds: float) -> str:
    for bound in LATENESS_BOUNDS:
        if seconds <= bound:
            return str(bound)
    return "+Inf"
