"""A clock that jumps holds sending back for two ticks, and for no longer."""

from datetime import timedelta

import pytest

from service.domain.clock_watch import (
    BEHIND,
    JUMPED,
    ClockReading,
    ClockWatch,
    after_tick,
    has_jumped,
)
from tests.make import NOON

AT_NOON = ClockReading(NOON, 100.0)


def later(seconds: float, *, wall: float | None = None) -> ClockReading:
    """What the clocks show `seconds` later, the wall clock moved by `wall`."""
    moved = seconds if wall is None else wall
    return ClockReading(NOON + timedelta(seconds=moved), 100.0 + seconds)


@pytest.mark.parametrize(
    ("reading", "speed", "jumped"),
    [
        pytest.param(later(10), 1, False, id="both moved alike"),
        pytest.param(later(10, wall=39), 1, False, id="29 seconds are forgiven"),
        pytest.param(later(10, wall=41), 1, True, id="31 seconds ahead"),
        pytest.param(later(10, wall=-21), 1, True, id="31 seconds back"),
        pytest.param(later(600), 1, False, id="a process that was halted for ten minutes"),
        pytest.param(later(10, wall=36_000), 3600, False, id="fast time in the sandbox"),
        pytest.param(later(10, wall=36_000 + 31 * 3600), 3600, True, id="a jump in fast time"),
    ],
)
def test_the_wall_clock_is_measured_against_the_monotonic_one(reading, speed, jumped):
    assert has_jumped(AT_NOON, reading, speed) is jumped


def test_after_a_jump_nothing_is_sent_for_two_ticks():
    watch = after_tick(ClockWatch(AT_NOON), later(10, wall=3600), None, 1)
    assert (watch.problem, watch.quiet) == (JUMPED, 2)

    watch = after_tick(watch, later(20, wall=3610), None, 1)
    assert (watch.problem, watch.quiet) == (JUMPED, 1)

    watch = after_tick(watch, later(30, wall=3620), None, 1)
    assert (watch.problem, watch.quiet) == (None, 0)


def test_a_clock_behind_the_newest_heartbeat_waits_two_ticks_and_stays_an_alarm():
    tomorrow = NOON + timedelta(days=1)
    watch = ClockWatch(AT_NOON)
    quiet = []

    for tick in range(1, 5):
        watch = after_tick(watch, later(10 * tick), tomorrow, 1)
        quiet.append(watch.quiet)

    assert quiet == [2, 1, 0, 0]
    assert watch.problem == BEHIND


def test_a_heartbeat_that_lies_ahead_no_more_ends_the_alarm():
    ahead = NOON + timedelta(seconds=15)
    watch = after_tick(ClockWatch(AT_NOON), later(1), ahead, 1)
    for tick in (20, 30):
        watch = after_tick(watch, later(tick), ahead, 1)

    assert (watch.problem, watch.quiet) == (None, 0)


def test_the_clocks_of_two_machines_may_differ_a_little():
    watch = after_tick(ClockWatch(AT_NOON), later(10), NOON + timedelta(seconds=13), 1)

    assert watch.problem is None
