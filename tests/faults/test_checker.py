"""The checker finds nothing where nothing was done wrong, and has looked at everything."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.engine import Sessions
from tests.faults.checker import broken, check
from tests.faults.world import World


@pytest.fixture
def world(sessions: Sessions, tmp_path: Path) -> Iterator[World]:
    world = World(sessions, tmp_path, random.Random(1))
    yield world
    world.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_four_days_without_a_fault_break_nothing(world: World):
    world.plan(4)

    world.play()

    results = check(world.evidence())
    assert broken(results) == []
    # Nobody reports to this clinic, and nothing had to be sent again: those rules have no case.
    idle = {result.invariant for result in results if not result.checked}
    assert idle == {"S3", "S7", "I2"}
