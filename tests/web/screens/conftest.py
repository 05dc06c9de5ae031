"""A lively clinic's pages in a real browser, filled once: these tests only look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.web.screens.house import House, open_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    path = tmp_path_factory.mktemp("house") / "aftercare.db"
    path.write_bytes(sqlite_template.read_bytes())
    with open_house(f"sqlite:///{path}") as house:
        yield house


@pytest.fixture(scope="module")
def admins_cookies(chromium: Browser, house: House) -> Any:
    """What the admin's browser keeps."""
    return house.signed_in(chromium, house.tuesday.admin.email)
