"""All processes of a sandbox tell one time, and it never goes back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from service.clock import fast_clock
from service.store.base import new_id
from service.store.engine import Sessions
from service.store.sandbox_clock import has_clock, join_clock, live_by_clock
from service.store.workers import record_beat
from tests.make import NOON

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def shown_to_a_process(sessions: Sessions, started: datetime, speed: float, at: datetime):
    """What the clinic's clock of a process that started at `started` shows at `at`, both real."""
    with sessions.begin() as db:
        anchor = join_clock(db, started, speed)
    return fast_clock(anchor.began_at, anchor.speed, lambda: at, start=anchor.shown_at)()


def test_processes_that_start_one_after_the_other_tell_one_time(sessions: Sessions):
    later = NOON + 10 * SECOND

    first = shown_to_a_process(sessions, NOON, 3600, later)
    second = shown_to_a_process(sessions, NOON + 3 * SECOND, 3600, later)

    assert first == second == NOON + 10 * HOUR


def test_processes_that_start_together_tell_one_time(sessions: Sessions):
    later = NOON + 10 * SECOND

    with ThreadPoolExecutor(8) as together:
        starts = [NOON + n * SECOND / 100 for n in range(8)]
        shown = list(
            together.map(lambda start: shown_to_a_process(sessions, start, 3600, later), starts)
        )

    assert len(set(shown)) == 1


def test_a_clock_that_nobody_lived_by_goes_on_where_it_stood(sessions: Sessions):
    shown_to_a_process(sessions, NOON, 3600, NOON)
    with sessions.begin() as db:
        live_by_clock(db, NOON + 20 * SECOND)

    next_day = NOON + 12 * HOUR
    shown = shown_to_a_process(sessions, next_day, 3600, next_day)

    # The last process may have read it for five seconds after it last said so.
    assert shown == NOON + 25 * HOUR


def test_time_does_not_go_back_when_it_slows_down(sessions: Sessions):
    before = shown_to_a_process(sessions, NOON, 3600, NOON + 4 * SECOND)

    after = shown_to_a_process(sessions, NOON + 4 * SECOND, 1, NOON + 4 * SECOND)

    assert after == before


@pytest.mark.parametrize("speed", [1, 3600])
def test_time_is_never_before_a_heartbeat(sessions: Sessions, speed: float):
    with sessions.begin() as db:
        record_beat(db, new_id(), "here:1", NOON + 48 * HOUR)

    assert shown_to_a_process(sessions, NOON, speed, NOON) == NOON + 48 * HOUR


def test_it_is_never_behind_the_real_time(sessions: Sessions):
    shown_to_a_process(sessions, NOON, 2, NOON)
    a_month_later = NOON + timedelta(days=30)

    assert shown_to_a_process(sessions, a_month_later, 2, a_month_later) == a_month_later


def test_a_database_of_the_usual_time_has_no_clock(sessions: Sessions):
    with sessions() as db:
        assert not has_clock(db)
