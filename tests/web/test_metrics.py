"""The metrics say how much is planned, late, unsure and open, to who asks from inside."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.domain.values import Channel, Level, MessageState
from service.pathway.dispatch import Dispatcher
from service.pathway.tallies import Tally
from service.store.engine import Sessions
from service.store.workers import record_beat
from service.web.deps import WebParts
from service.web.site import build_site
from tests.doubles import RecordingGateway
from tests.make import NOON, a_clinic
from tests.pathway.make import a_flag, a_message, a_patient_at, an_address
from tests.pathway.test_dispatch import compose, skip

Told = dict[tuple[str, str], float]


@pytest.fixture
def site(engine: Engine, sessions: Sessions) -> TestClient:
    app = build_site(WebParts(engine, sessions, lambda: NOON))
    return TestClient(app, client=("127.0.0.1", 50000))


def told(site: TestClient) -> Told:
    """Each sample by its name and its labels' values."""
    answer = site.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_an_empty_service_has_nothing_planned_late_or_open(site: TestClient) -> None:
    found = told(site)

    assert found["aftercare_messages_planned", ""] == 0
    assert found["aftercare_messages_overdue", ""] == 0
    assert found["aftercare_replies_last_day", "emergency"] == 0
    assert ("aftercare_worker_tick_age_seconds", "") not in found


def test_what_is_planned_late_unsure_and_open_is_counted(
    site: TestClient, sessions: Sessions
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        a_message(db, clinic, address, send_at=NOON + timedelta(days=1))
        a_message(db, clinic, address, send_at=NOON - timedelta(seconds=30))
        a_message(db, clinic, address, send_at=NOON - timedelta(hours=1))
        a_message(db, clinic, address, state=MessageState.UNKNOWN, reason="asking")
        flag = a_flag(db, a_patient_at(db, clinic, address), Level.URGENT)
        flag.raised_at, flag.due_at = NOON - timedelta(hours=2), NOON - timedelta(hours=1)
        record_beat(db, uuid4(), "host:1", NOON - timedelta(seconds=7))

    found = told(site)

    assert found["aftercare_messages_planned", ""] == 3
    assert found["aftercare_messages_overdue", ""] == 1
    assert found["aftercare_messages_unknown", ""] == 1
    assert found["aftercare_flags_open", "urgent"] == 1
    assert found["aftercare_flags_overdue", "urgent"] == 1
    assert found["aftercare_flags_oldest_seconds", "urgent"] == 7200
    assert found["aftercare_worker_tick_age_seconds", ""] == 7
    assert found["aftercare_clock_alarm", ""] == 0


def test_the_sends_of_all_workers_are_one_sum(site: TestClient, sessions: Sessions) -> None:
    figures = {
        "sent": {"sms/accepted": 3, "sms/refused": 1},
        "lateness": {"0.05": 2, "60.0": 1},
        "lateness_sum": 40.1,
        "duties": {"settling": (NOON - timedelta(seconds=20)).isoformat()},
        "clock": "the wall clock jumped",
    }
    with sessions.begin() as db:
        record_beat(db, uuid4(), "host:1", NOON, figures)
        record_beat(db, uuid4(), "host:2", NOON, {**figures, "clock": None})

    found = told(site)

    assert found["aftercare_sends_total", "sms,accepted"] == 6
    assert found["aftercare_lateness_seconds_bucket", "0.05"] == 4
    assert found["aftercare_lateness_seconds_bucket", "+Inf"] == 6
    assert found["aftercare_lateness_seconds_sum", ""] == pytest.approx(80.2)
    assert found["aftercare_duty_age_seconds", "settling"] == 20
    assert found["aftercare_clock_alarm", ""] == 1


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (Accepted("SM1", "queued"), {"sms/accepted": 1}),
        (Refused(21610, "opted out"), {"sms/refused": 1}),
        (Unclear("no answer"), {"sms/unclear": 1}),
    ],
)
def test_a_worker_counts_how_each_send_ended(
    sessions: Sessions, outcome: Outcome, counted: dict[str, int]
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_message(db, clinic, an_address(db, clinic))
    tally = Tally()
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: RecordingGateway(lambda outgoing: outcome)},
        now=lambda: NOON + timedelta(seconds=3),
        compose=compose,
        rejudge=skip,
        told=tally.count,
    )

    asyncio.run(dispatcher.send_what_is_due())

    assert tally.figures()["sent"] == counted
    assert tally.figures()["lateness"] == ({"5.0": 1} if "sms/accepted" in counted else {})


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "10.0.0.1"}, {"Forwarded": "for=_x"}])
def test_who_comes_through_a_proxy_learns_nothing(site: TestClient, headers) -> None:
    assert site.get("/metrics", headers=headers).status_code == 404


def test_who_asks_from_outside_learns_nothing(engine: Engine, sessions: Sessions) -> None:
    app = build_site(WebParts(engine, sessions, lambda: NOON))

    answer = TestClient(app, client=("8.8.8.8", 50000)).get("/metrics")

    assert answer.status_code == 404


def test_clinics_are_not_named(site: TestClient, sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_message(db, clinic, an_address(db, clinic))
        name, clinic_id = clinic.name, str(clinic.id)

    told_of = site.get("/metrics").text

    assert name not in told_of
    assert clinic_id not in told_of
