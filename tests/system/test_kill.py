"""Workers that are killed in the middle of a burst: nothing is sent twice, and nothing is lost.

`AFTERCARE_TEST_BURST` and `AFTERCARE_TEST_KILLS` make it longer, `AFTERCARE_TEST_SEED` another.
"""

from __future__ import annotations

import json
import random
import time

import pytest

from service.store.engine import Sessions
from tests.system.burst import (
    Tail,
    check_burst,
    doubtful,
    how_many,
    plan_burst,
    still_to_send,
    unsettled,
)
from tests.system.house import House, until

pytestmark = pytest.mark.slow


def test_a_worker_killed_in_a_burst_sends_nothing_twice_and_loses_nothing(
    house: House, sessions: Sessions
):
    messages = how_many("AFTERCARE_TEST_BURST", 3000)
    kills = how_many("AFTERCARE_TEST_KILLS", 4)
    chance = random.Random(how_many("AFTERCARE_TEST_SEED", 1))
    points = sorted(chance.randrange(1, int(messages * 0.9)) for _ in range(kills))
    plan_burst(sessions, messages)
    house.sandbox()
    house.control("POST", "habits", step=None, callbacks=False)
    for trouble in ("take_and_cut", "take_and_hang", "reset", "hang", "take_and_fail"):
        house.control("POST", "rules", trouble=trouble, share=0.004, status=500)

    tail = Tail(house.journal_path)
    for point in points:
        worker = house.worker()
        until(lambda: tail.reaches(point), 240, look_every=0.002)  # noqa: B023
        house.kill(worker)
    worker = house.worker()
    until(lambda: still_to_send(sessions) == 0, 240)
    house.kill(worker)
    in_doubt = doubtful(sessions)

    # The night passes quickly, with a provider that works and can be asked.
    seconds = let_the_night_pass(house, sessions)

    figures = check_burst(sessions, house.journal())
    assert in_doubt > 0
    assert figures["found by asking"] > 0
    print(json.dumps({"kills": kills + 1, "in doubt": in_doubt, "settled in": seconds} | figures))


def let_the_night_pass(house: House, sessions: Sessions) -> float:
    """Run a worker and the provider ten minutes a second until all is settled."""
    house.close()
    house.speed = 600
    house.sandbox()
    house.control("POST", "habits", step=None, callbacks=False)
    began = time.monotonic()
    worker = house.worker()
    until(lambda: unsettled(sessions) == 0, 240)
    seconds = time.monotonic() - began
    assert house.stop(worker) == 0
    return round(seconds, 1)
