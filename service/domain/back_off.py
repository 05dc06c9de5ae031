"""How long guessing has to wait: a few tries are free, then each failure doubles the pause."""

from __future__ import annotations

from datetime import timedelta

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)
"""Failures count for so long after the last one."""


def pause_after(failures: int, free: int) -> timedelta:
    """Return how long nothing more is tried after so many failures, of which `free` cost nothing.

    It never ends for good: a stranger who guesses must not lock a clinician out.
    """
    beyond = failures - free
    if beyond <= 0:
        return timedelta()
    pause: timedelta = FIRST_PAUSE * 2 ** min(beyond - 1, 12)
    return min(pause, LONGEST_PAUSE)
