"""A lively clinic's pages in a real browser, filled once for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from service.store.engine import open_engine, open_sessions
from service.store.secrets import Vault
from service.web.deps import WebParts
from service.web.pages.for_staff import staff_pages
from service.web.site import build_site
from tests.make import NOON
from tests.web.browsers import served
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


@pytest.fixture
def untouched(tmp_path: Path, sqlite_template: Path, vault: Vault) -> Iterator[str]:
    """Where a service is that nobody has set up yet."""
    path = tmp_path / "aftercare.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}", vault)
    web = WebParts(engine, open_sessions(engine), lambda: NOON)
    with served(build_site(web, *staff_pages(live=False))) as address:
        yield address
    engine.dispose()
