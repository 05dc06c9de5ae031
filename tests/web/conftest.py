"""The web application on each database, with a clinic and its key."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine

from service.pathway.administration import create_api_key
from service.store.engine import Sessions, open_sessions
from service.web.deps import WebParts
from service.web.site import build_site
from tests.make import NOON, a_clinic
from tests.web.browsers import SWITCHES, installed_chromium

Sites = dict[tuple[str, Engine], FastAPI]


@pytest.fixture(scope="session")
def sites() -> Sites:
    """Applications by their kind and database: building one anew for each test takes longer."""
    return {}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser. In CI a missing one fails the tests; elsewhere they are skipped."""
    found = installed_chromium()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium: `.ci/run` installs one.")
        pytest.skip("There is no Chromium here to look at the pages with.")
    # No longer than a module: while it runs, its thread can run no other event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def site(engine: Engine, sites: Sites) -> Iterator[TestClient]:
    """The application at noon, called by nobody in particular."""
    if ("api", engine) not in sites:
        sites["api", engine] = build_site(WebParts(engine, open_sessions(engine), lambda: NOON))
    with TestClient(sites["api", engine]) as client:
        yield client


@pytest.fixture
def api(site: TestClient, sessions: Sessions) -> TestClient:
    """The application, called with the key of a clinic."""
    with sessions.begin() as db:
        _, token = create_api_key(db, a_clinic(db), name="front desk", now=NOON)
    site.headers["Authorization"] = f"Bearer {token}"
    return site


@pytest.fixture
def other_key(sessions: Sessions) -> dict[str, str]:
    """The header of another clinic's key."""
    with sessions.begin() as db:
        other = a_clinic(db, name="Other", sender="+12815550001")
        _, token = create_api_key(db, other, name="other desk", now=NOON)
    return {"Authorization": f"Bearer {token}"}
