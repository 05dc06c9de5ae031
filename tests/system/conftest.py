"""What the tests of real processes share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.house import House


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """The processes of one clinic on this test's database; killed when it ends."""
    house = House(database_url, tmp_path)
    yield house
    house.close()
