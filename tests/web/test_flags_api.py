"""Flags over the API: most urgent first, taken by one, ended by a call alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, select

from service.domain.values import Level
from service.pathway.administration import create_api_key
from service.store.clinics import Clinic
from service.store.patients import Patient
from tests.make import NOON
from tests.pathway.builders import a_patient
from tests.pathway.make import a_flag


@pytest.fixture
def clinic_id(api, sessions) -> UUID:
    """The clinic whose key `api` has."""
    with sessions() as db:
        return db.scalars(select(Clinic.id)).one()


@pytest.fixture
def raised(sessions, clinic_id):
    """A flag of each level, the least urgent first; and an older routine one."""
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, clinic_id))
        flags = [a_flag(db, patient, level) for level in reversed(Level)]
        older = a_flag(db, patient, Level.ROUTINE)
        older.due_at = NOON - timedelta(hours=1)
        return {flag.level.value: str(flag.id) for flag in flags} | {"older": str(older.id)}


@pytest.fixture
def colleague(sessions, clinic_id) -> dict[str, str]:
    """The header of another key of the same clinic."""
    with sessions.begin() as db:
        _, token = create_api_key(db, db.get_one(Clinic, clinic_id), name="room 2", now=NOON)
    return {"Authorization": f"Bearer {token}"}


def listed(api, query=""):
    return [flag["id"] for flag in api.get(f"/api/v1/flags{query}").json()]


def call(api, flag_id, outcome, **given):
    return api.post(f"/api/v1/flags/{flag_id}/calls", json={"outcome": outcome} | given)


def test_the_most_urgent_flag_comes_first_and_then_the_one_due_first(api, raised):
    in_order = ["emergency", "urgent", "older", "routine", "ok"]

    assert listed(api, "?state=open") == [raised[name] for name in in_order]


def test_a_long_list_asks_the_database_no_more_than_a_short_one(
    api, sessions, engine, clinic_id, raised
):
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    listed(api)
    for_few = len(asked)
    with sessions.begin() as db:
        patient = db.scalars(select(Patient)).one()
        for _ in range(20):
            a_flag(db, patient, Level.URGENT)
    asked.clear()

    assert len(listed(api)) == len(raised) + 20
    assert len(asked) == for_few


def test_a_flag_tells_what_a_caller_needs(api, raised):
    (first, *_) = api.get("/api/v1/flags").json()

    wanted = {
        "id",
        "level",
        "categories",
        "score",
        "reply",
        "patient_id",
        "session_id",
        "due_at",
        "state",
        "owner",
        "raised_at",
    }
    assert wanted <= first.keys()
    assert (first["due_at"], first["raised_at"]) == ("2026-03-03T18:15:00Z", "2026-03-03T18:00:00Z")


def test_one_takes_a_flag_and_the_next_is_told(api, raised, colleague):
    url = f"/api/v1/flags/{raised['urgent']}/own"

    taken, again = api.post(url), api.post(url)
    late = api.post(url, headers=colleague)

    assert (taken.status_code, taken.json()["owner"]) == (200, "front desk")
    assert again.status_code == 200
    assert late.status_code == 409
    assert "Somebody else" in late.json()["detail"]


@pytest.mark.parametrize("outcome", ["reached", "advised", "booked", "urgent_care", "emergency"])
def test_a_patient_who_was_spoken_to_closes_the_flag(api, raised, outcome):
    answer = call(api, raised["urgent"], outcome, note="Rest and ice.")

    assert (answer.status_code, answer.json()["state"]) == (201, "closed")
    assert raised["urgent"] not in listed(api)
    assert listed(api, "?state=closed") == [raised["urgent"]]
    assert call(api, raised["urgent"], outcome).status_code == 409


@pytest.mark.parametrize("outcome", ["voicemail", "no_answer"])
def test_a_patient_who_was_not_reached_keeps_the_flag_and_is_tried_again(api, raised, outcome):
    answer = call(api, raised["urgent"], outcome)

    assert answer.status_code == 201
    assert answer.json()["state"] == "owned"
    assert answer.json()["next_try_at"] > "2026-03-03T18:00:00Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({}, "outcome", id="no outcome"),
        pytest.param({"outcome": "fine"}, "outcome", id="no such outcome"),
        pytest.param({"outcome": "reached", "note": "x" * 2001}, "note", id="a long note"),
        pytest.param({"outcome": "reached", "by": "me"}, "by", id="unknown field"),
    ],
)
def test_a_call_that_cannot_be_recorded_names_the_field(api, raised, body, field):
    answer = api.post(f"/api/v1/flags/{raised['urgent']}/calls", json=body)

    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.json()["detail"]] == [field]
    assert raised["urgent"] in listed(api, "?state=open")


def test_a_state_that_no_flag_has_is_refused(api):
    assert api.get("/api/v1/flags?state=lost").status_code == 422
