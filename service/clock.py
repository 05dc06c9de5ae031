"""The only place that reads the clock; in the sandbox it can run fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_now() -> datetime:
    """Return the present moment, aware UTC."""
    return datetime.now(UTC)


def fast_clock(anchor: datetime, speed: float, now: Clock = system_now) -> Clock:
    """Return a clock that runs `speed` clinic seconds a second from `anchor` on (sandbox only).

    Every process given the same anchor and speed tells the same time.
    """

    def clinic_now() -> datetime:
        return anchor + (now() - anchor) * speed

    return clinic_now
