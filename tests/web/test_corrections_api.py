"""The end of a session was entered wrongly: only what is not sent yet moves."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.domain.values import MessageState
from service.pathway.optouts import lock_address, opt_out
from service.store.audit import AuditEntry
from service.store.messages import Message
from tests.web.test_sessions_api import VISIT

LATER = "2026-03-03T19:45:00Z"
"""Two hours after the end that was entered first."""


@pytest.fixture
def session(api):
    return api.post("/api/v1/sessions", json=VISIT).json()


def correct(api, session, ended_at):
    return api.patch(f"/api/v1/sessions/{session['id']}", json={"ended_at": ended_at})


def by_key(session):
    return {message["key"]: message for message in session["messages"]}


def test_what_is_planned_moves_and_says_why(api, session):
    before = by_key(session)["checkin_48h"]

    answer = correct(api, session, LATER)

    assert answer.status_code == 200
    after = by_key(answer.json())["checkin_48h"]
    assert answer.json()["ended_at"] == LATER
    assert (before["due_at"], after["due_at"]) == ("2026-03-05T17:45:00Z", "2026-03-05T19:45:00Z")
    assert after["state"] == "planned"
    assert "end was corrected" in after["reason"]


def test_what_was_sent_stays(api, session, sessions):
    with sessions.begin() as db:
        sent = db.scalars(select(Message).where(Message.key == "checkin_48h")).one()
        sent.state, sent.reason = MessageState.DELIVERED, "delivered"
    before = by_key(api.get(f"/api/v1/sessions/{session['id']}").json())

    after = by_key(correct(api, session, LATER).json())

    assert after["checkin_48h"] == before["checkin_48h"]
    assert after["nudge_48h"] == before["nudge_48h"]
    assert after["checkin_96h"]["due_at"] == "2026-03-07T19:45:00Z"


def test_what_may_have_been_sent_is_not_planned_again(api, session, sessions):
    with sessions.begin() as db:
        tried = db.scalars(select(Message).where(Message.key == "hydrate")).one()
        tried.state, tried.reason, tried.attempts = MessageState.SKIPPED, "not known", 1

    after = by_key(correct(api, session, LATER).json())

    assert (after["hydrate"]["state"], after["hydrate"]["reason"]) == ("skipped", "not known")


def test_the_same_time_again_changes_nothing(api, session, sessions):
    first = correct(api, session, LATER).json()

    again = correct(api, session, "2026-03-03T13:45:00-06:00")

    assert (again.status_code, again.json()) == (200, first)
    with sessions() as db:
        noted = db.scalars(
            select(AuditEntry).where(AuditEntry.action == "session_end_corrected")
        ).all()
    assert [entry.detail["after"] for entry in noted] == ["2026-03-03T19:45:00+00:00"]


def test_a_check_in_that_comes_too_late_becomes_a_call(api, session):
    answer = correct(api, session, "2026-02-20T17:45:00Z").json()

    assert by_key(answer)["checkin_96h"]["state"] == "skipped"
    reasons = [flag["reason"] for flag in api.get("/api/v1/flags").json()]
    assert sum("phone the patient" in reason for reason in reasons) >= 2


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("2026-03-03T15:00:00", id="no zone"),
        pytest.param("2026-03-05T15:00:00Z", id="days ahead"),
        pytest.param("soon", id="no time"),
        pytest.param(None, id="nothing"),
    ],
)
def test_a_wrong_time_names_the_field_and_moves_nothing(api, session, wrong):
    answer = correct(api, session, wrong)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["detail"]] == ["ended_at"]
    assert api.get(f"/api/v1/sessions/{session['id']}").json()["messages"] == session["messages"]


def test_an_ended_aftercare_cannot_be_moved(api, session):
    api.post(f"/api/v1/sessions/{session['id']}/cancel", json={"reason": "Moved away"})

    assert correct(api, session, LATER).status_code == 409


def test_a_patient_who_opted_out_stays_unwritten(api, session, sessions):
    with sessions.begin() as db:
        message = db.scalars(select(Message)).first()
        address_id = message.address_id
        opt_out(db, lock_address(db, address_id), "text", message.created_at)

    after = correct(api, session, LATER).json()

    assert "planned" not in {message["state"] for message in after["messages"]}
