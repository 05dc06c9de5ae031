"""Workers that are asked to stop, that freeze, or that are one too many: nothing is lost."""

from __future__ import annotations

import signal

import pytest

from service.store.engine import Sessions
from tests.system.burst import Tail, check_burst, doubtful, plan_burst, still_to_send, unsettled
from tests.system.house import House, until

pytestmark = pytest.mark.slow

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def a_quiet_provider(house: House, latency: float) -> Tail:
    """A provider that answers after `latency` seconds, and tells nobody how a text fared."""
    house.sandbox()
    house.control("POST", "habits", step=None, callbacks=False, latency=latency)
    return Tail(house.journal_path)


@on_sqlite
def test_a_second_worker_on_sqlite_is_harmless(house: House, sessions: Sessions):
    plan_burst(sessions, 600)
    a_quiet_provider(house, latency=0.05)

    workers = [house.worker(), house.worker()]
    until(lambda: unsettled(sessions) == 0, 60)

    assert [house.stop(worker) for worker in workers] == [0, 0]
    assert check_burst(sessions, house.journal())["accepted"] == 600


@on_sqlite
def test_a_worker_that_is_asked_to_stop_finishes_what_is_on_the_wire(
    house: House, sessions: Sessions
):
    plan_burst(sessions, 600)
    tail = a_quiet_provider(house, latency=0.5)

    worker = house.worker()
    until(lambda: tail.reaches(150), 60, look_every=0.002)
    ended = house.stop(worker)

    assert ended == 0
    assert doubtful(sessions) == 0
    left = still_to_send(sessions)
    assert left > 0
    assert tail.reaches(600 - left)
    assert tail.accepted == 600 - left


@on_postgresql
def test_a_worker_frozen_for_longer_than_its_lease_sends_nothing_twice(
    house: House, sessions: Sessions
):
    plan_burst(sessions, 400)
    tail = a_quiet_provider(house, latency=1.0)

    frozen = house.worker()
    until(lambda: tail.reaches(100), 60, look_every=0.002)
    frozen.send_signal(signal.SIGSTOP)
    in_doubt = doubtful(sessions)
    # For another worker ten minutes pass in a second: the lease is soon over.
    house.speed = 600
    other = house.worker()
    until(lambda: unsettled(sessions) == 0, 60)
    frozen.send_signal(signal.SIGCONT)

    assert [house.stop(worker) for worker in (frozen, other)] == [0, 0]
    figures = check_burst(sessions, house.journal())
    assert figures["accepted"] == 400
    assert figures["found by asking"] == in_doubt > 0
