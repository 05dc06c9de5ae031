"""Whether the wall clock can be believed: a clock that jumps would send texts at night (T7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_JUMP = timedelta(seconds=30)
"""How far wall and monotonic clock may part between two readings (`reliability` T7)."""
_SKEW = timedelta(seconds=5)
"""How far the clocks of two machines may differ."""
QUIET_TICKS = 2
"""Ticks without sends after a jump, so that a clock that is being set can settle (T7)."""

JUMPED = "the wall clock jumped against the monotonic clock: sending waits for two ticks"
BEHIND = "the wall clock is earlier than the newest heartbeat: check the time of every machine"


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What both clocks showed at one moment; `monotonic` in seconds."""

    wall: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class ClockWatch:
    """What is known of the clock: its last reading, what is wrong, and how long sending waits."""

    last: ClockReading
    problem: str | None = None
    quiet: int = 0
    """Ticks that are still to pass before anything is sent."""


def has_jumped(last: ClockReading, current: ClockReading, speed: float) -> bool:
    """Tell whether the wall clock moved otherwise than the monotonic one.

    `speed` is how many seconds the wall clock shows in one: more than 1 in the sandbox only.
    """
    passed = timedelta(seconds=(current.monotonic - last.monotonic) * speed)
    return abs((current.wall - last.wall) - passed) > _JUMP * speed


def after_jump(current: ClockReading) -> ClockWatch:
    """Return the watch of a clock that has just jumped."""
    return ClockWatch(current, JUMPED, QUIET_TICKS)


def after_tick(
    watch: ClockWatch, current: ClockReading, newest_beat: datetime | None, speed: float
) -> ClockWatch:
    """Return what is known after a tick; `newest_beat` is the latest that any worker committed.

    A heartbeat that lies ahead holds sends back for two ticks only: it may be the last word of a
    machine whose clock was wrong, and must not stop every other one until that time has come.
    """
    if has_jumped(watch.last, current, speed):
        return after_jump(current)
    behind = newest_beat is not None and newest_beat - current.wall > _SKEW * speed
    if behind and watch.problem is None:
        return ClockWatch(current, BEHIND, QUIET_TICKS)
    quiet = max(0, watch.quiet - 1)
    if behind:
        return ClockWatch(current, BEHIND, quiet)
    return replace(watch, last=current, quiet=quiet, problem=watch.problem if quiet else None)
