"""Alive and ready are two things: without a worker nothing is sent."""

from datetime import timedelta
from uuid import uuid4

from service.store.pause import pause_sending
from service.store.workers import record_beat
from tests.make import NOON


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
