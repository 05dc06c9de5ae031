"""The harness proves itself: bugs that are planted are caught, and without them nothing is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from service.store.engine import Sessions
from tests.faults.bugs import planted
from tests.faults.checker import broken, check
from tests.faults.scenes import down, failing, hanging, power_cuts, quiet, slow
from tests.faults.world import World

Scene = Callable[[World], None]
a_night, days = down(timedelta(hours=13)), down(timedelta(days=3))

CAUGHT: list[tuple[str, Scene, set[str]]] = [
    ("claim after post", power_cuts, {"S1", "S2"}),
    ("lease back to due", power_cuts, {"S1", "S3"}),
    ("server error is a no", failing, {"S1", "S3"}),
    ("no timeout", hanging, {"S8"}),
    ("no validity", quiet, {"T6"}),
    ("another clinic's number", quiet, {"S5"}),
    ("naive local time", quiet, {"T1"}),
    ("window at planning only", a_night, {"T1", "T4"}),
    ("silent drop", days, {"T5"}),
    ("answers for ever", slow, {"T9"}),
    ("opt-out by exact match", quiet, {"O3"}),
    ("stop hides the rest", quiet, {"I5"}),
    ("opt-out leaves the plan", quiet, {"O2"}),
    ("opt-out at planning only", quiet, {"O1"}),
    ("opt-out unrecorded", quiet, {"O2"}),
]
TIMING = [a_night, days, slow, hanging, failing]

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def make_world(sessions: Sessions, tmp_path: Path) -> Iterator[Callable[[], World]]:
    made: list[World] = []

    def make() -> World:
        made.append(World(sessions, tmp_path, random.Random(1)))
        return made[-1]

    yield make
    for world in made:
        world.close()


def wrong(world: World) -> set[str]:
    return {result.invariant for result in broken(check(world.evidence()))}


@on_sqlite
@pytest.mark.parametrize(("bug", "scene", "invariants"), CAUGHT, ids=[one[0] for one in CAUGHT])
def test_a_planted_bug_is_caught(
    make_world: Callable[[], World], bug: str, scene: Scene, invariants: set[str]
):
    with planted(bug):
        world = make_world()
        scene(world)

    assert invariants <= wrong(world)


@on_sqlite
@pytest.mark.parametrize("scene", TIMING)
def test_a_provider_or_worker_that_is_late_breaks_nothing(
    make_world: Callable[[], World], scene: Scene
):
    world = make_world()

    scene(world)

    assert broken(check(world.evidence())) == []


@pytest.mark.parametrize("scene", [quiet, power_cuts])
def test_without_a_bug_nothing_is_broken(make_world: Callable[[], World], scene: Scene):
    world = make_world()

    scene(world)

    assert broken(check(world.evidence())) == []


@on_sqlite
def test_an_entry_of_the_audit_that_was_changed_is_found(make_world: Callable[[], World]):
    world = make_world()
    world.plan(2)
    world.settle()

    with world.sessions.begin() as db:
        db.execute(text("UPDATE audit SET actor = 'nobody' WHERE position = 2"))

    assert wrong(world) == {"D5"}
