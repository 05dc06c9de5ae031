"""Staff's pages on each database: two clinics, a therapist, an admin, and a browser for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine

from service.domain.values import Role
from service.store import passwords
from service.store.clinics import Clinic
from service.store.engine import Sessions, open_sessions
from service.web.deps import WebParts
from service.web.pages.for_staff import staff_pages
from service.web.site import build_site
from tests.make import NOON, a_clinic
from tests.web.conftest import Sites
from tests.web.staff.browsing import URL, Moment, Person, a_person, sign_in

CLOCK = Moment()


@pytest.fixture(scope="module", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hash at a low cost: it has tests of its own, and here it would only be waited for."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHash([Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1)])
        patch.setattr(passwords, "_hasher", lambda: cheap)
        yield


@pytest.fixture
def clock() -> Moment:
    CLOCK.now = NOON
    return CLOCK


@pytest.fixture
def pages(engine: Engine, sites: Sites, clock: Moment) -> FastAPI:
    """The application, in which the samples need no second factor."""
    if ("staff", engine) not in sites:
        web = WebParts(
            engine, open_sessions(engine), clock, public_url=URL, waive_second_factor=True
        )
        sites["staff", engine] = build_site(web, *staff_pages(live=False))
    return sites["staff", engine]


@pytest.fixture
def new_browser(pages: FastAPI) -> Iterator[Callable[[], TestClient]]:
    """Opens browsers that nobody has signed in with."""
    with ExitStack() as opened:

        def open_one() -> TestClient:
            client = TestClient(
                pages,
                base_url=URL,
                headers={"Accept": "text/html"},
                raise_server_exceptions=False,
            )
            return opened.enter_context(client)

        yield open_one


@pytest.fixture
def browser(new_browser: Callable[[], TestClient]) -> TestClient:
    """A browser that nobody has signed in with."""
    return new_browser()


@pytest.fixture
def alex(sessions: Sessions) -> Person:
    """The admin of Bayou Needling."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        return a_person(db, clinic, "alex@bayou.example", Role.ADMIN, name="Alex Rivera")


@pytest.fixture
def sam(sessions: Sessions, alex: Person) -> Person:
    """A therapist of Bayou Needling."""
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        return a_person(db, clinic, "sam@bayou.example", Role.THERAPIST, name="Sam Nguyen")


@pytest.fixture
def admin(new_browser: Callable[[], TestClient], alex: Person) -> TestClient:
    """A browser in which the admin is signed in."""
    client = new_browser()
    sign_in(client, alex.email)
    return client


@pytest.fixture
def therapist(new_browser: Callable[[], TestClient], sam: Person) -> TestClient:
    """A browser in which the therapist is signed in."""
    client = new_browser()
    sign_in(client, sam.email)
    return client
