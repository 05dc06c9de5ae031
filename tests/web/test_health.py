"""Alive and ready are two things: without a worker nothing is sent."""

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from service.store.engine import open_engine, open_sessions
from service.store.pause import pause_sending
from service.store.workers import record_beat
from service.web.deps import WebParts
from service.web.pages.for_staff import staff_pages
from service.web.site import build_site
from tests.make import NOON
from tests.ports import free_port


@pytest.fixture
def site_without_database(vault):
    """As it is while the database's machine is away."""
    engine = open_engine(f"postgresql://postgres@127.0.0.1:{free_port()}/aftercare", vault)
    web = WebParts(engine, open_sessions(engine), lambda: NOON)
    yield TestClient(build_site(web, *staff_pages()), client=("127.0.0.1", 50000))
    engine.dispose()


@pytest.mark.parametrize(
    ("path", "accept", "words"),
    [
        ("/metrics", "*/*", "Try again in a moment"),
        ("/api/v1/flags", "application/json", "Try again in a moment"),
        ("/calls", "text/html", "try again in a minute"),
    ],
)
def test_who_asks_while_the_database_is_away_is_told_to_ask_again(
    site_without_database: TestClient, path, accept, words
):
    headers = {"Accept": accept, "Authorization": "Bearer ak_some"}
    headers["Cookie"] = "aftercare-sign-in=some"

    answer = site_without_database.get(path, headers=headers)

    assert answer.status_code == 503
    assert words in answer.text


def test_it_is_alive_without_a_worker_but_not_ready(site):
    assert site.get("/healthz").status_code == 200

    answer = site.get("/readyz")

    assert answer.status_code == 503
    assert "worker" in answer.json()["problems"][0]


def test_it_is_ready_while_a_worker_ticks(site, sessions):
    with sessions.begin() as db:
        record_beat(db, uuid4(), "host:1", NOON - timedelta(minutes=1))

    assert site.get("/readyz").json() == {"ready": True, "problems": []}


def test_a_worker_that_fell_silent_is_noticed(site, sessions):
    with sessions.begin() as db:
        record_beat(db, uuid4(), "host:1", NOON - timedelta(minutes=3))

    assert site.get("/readyz").status_code == 503


def test_a_worker_whose_clock_jumped_is_an_alarm(site, sessions):
    with sessions.begin() as db:
        record_beat(db, uuid4(), "host:1", NOON, {"clock": "the wall clock jumped"})

    answer = site.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == ["the wall clock jumped"]


def test_a_pause_after_a_restore_is_told_with_its_reason(site, sessions):
    with sessions.begin() as db:
        record_beat(db, uuid4(), "host:1", NOON)
        pause_sending(db, NOON, NOON)

    answer = site.get("/readyz")

    assert answer.status_code == 503
    assert "sending is paused after a restore" in answer.json()["problems"][0]
