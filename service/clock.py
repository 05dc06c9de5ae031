"""The only place that reads the clock; in the sandbox it can run fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_now() -> datetime:
    """Return the present moment, aware UTC."""
    return datetime.now(UTC)


def fast_clock(
    anchor: datetime, speed: float, now: Clock = system_now, *, start: datetime | None = None
) -> Clock:
    """Return a clock that runs `speed` clinic seconds a second from `anchor` on (sandbox only).

    It shows `start` at `anchor`; left out, the same. Every process given the same tells one time.
    """
    shown = start or anchor

    def clinic_now() -> datetime:
        return shown + (now() - anchor) * speed

    return clinic_now
