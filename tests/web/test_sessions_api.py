"""Enrolling over the API: in seconds, once, and nothing half-stored."""

from copy import deepcopy

import pytest
from sqlalchemy import func, select

from service.store.messages import Message
from service.store.patients import Patient
from service.store.sessions import TreatmentSession

VISIT = {
    "external_id": "visit-881",
    "patient": {
        "first_name": "Ana",
        "phone": "+12815550123",
        "email": None,
        "language": "en",
        "time_zone": None,
        "channel": "sms",
        "consent": {"sms": True, "email": False, "details": False},
        "health_flags": ["blood_thinner"],
    },
    "ended_at": "2026-03-03T17:45:00Z",
    "regions": ["upper_trap"],
    "baseline_pain": 5,
    "first_session": True,
    "trigger_points": "high",
    "plan": "heat",
    "move_plan": None,
}


def visit(**changes):
    """A visit with fields changed; `patient__phone` is the patient's phone."""
    changed = deepcopy(VISIT)
    for name, value in changes.items():
        *path, last = name.split("__")
        target = changed
        for step in path:
            target = target[step]
        target[last] = value
    return changed


def stored(sessions, table):
    with sessions.begin() as db:
        return db.scalar(select(func.count()).select_from(table))


def test_a_session_is_enrolled_with_its_messages(api):
    answer = api.post("/api/v1/sessions", json=VISIT)

    assert answer.status_code == 201
    body = answer.json()
    assert body["ended_at"] == "2026-03-03T17:45:00Z"
    planned = {m["key"] for m in body["messages"] if m["state"] == "planned"}
    assert {"welcome", "hydrate", "checkin_48h", "checkin_96h"} <= planned
    assert [m["send_at"] for m in body["messages"]] == sorted(
        m["send_at"] for m in body["messages"]
    )
    checkin = next(m for m in body["messages"] if m["key"] == "checkin_48h")
    assert checkin["preview"].startswith("Bayou Needling: Checking in.")


def test_the_same_visit_is_enrolled_once(api, sessions):
    first = api.post("/api/v1/sessions", json=VISIT).json()

    again = api.post("/api/v1/sessions", json=VISIT)

    assert (again.status_code, again.json()) == (201, first)
    assert stored(sessions, TreatmentSession) == 1


def test_a_preview_stores_nothing(api, sessions):
    answer = api.post("/api/v1/sessions?dry_run=true", json=VISIT)

    assert answer.status_code == 201
    assert answer.json()["messages"]
    for table in (TreatmentSession, Message, Patient):
        assert stored(sessions, table) == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"patient__phone": "12345"}, "patient.phone", id="phone"),
        pytest.param({"patient__email": "ana(at)home"}, "patient.email", id="email"),
        pytest.param({"patient__time_zone": "Mars/Base"}, "patient.time_zone", id="zone"),
        pytest.param({"patient__consent__sms": False}, "patient", id="no consent"),
        pytest.param({"patient__phone": None}, "patient", id="no phone"),
        pytest.param({"regions": ["tail"]}, "regions", id="region"),
        pytest.param({"regions": []}, "regions", id="no region"),
        pytest.param({"baseline_pain": 11}, "baseline_pain", id="pain"),
        pytest.param({"ended_at": "2026-03-03T15:00:00"}, "ended_at", id="time without zone"),
        pytest.param({"colour": "blue"}, "colour", id="unknown field"),
    ],
)
def test_wrong_input_names_the_field_and_stores_nothing(api, sessions, changes, field):
    answer = api.post("/api/v1/sessions", json=visit(**changes))

    assert answer.status_code == 422
    assert [wrong["field"] for wrong in answer.json()["detail"]] == [field]
    assert stored(sessions, Patient) == 0


def test_an_error_does_not_repeat_what_the_patient_gave(api):
    answer = api.post("/api/v1/sessions", json=visit(patient__phone="555-very-private"))

    assert "very-private" not in answer.text


def test_a_newer_session_takes_over_the_messages_of_the_older(api):
    older = api.post("/api/v1/sessions", json=VISIT).json()
    newer = visit(external_id="visit-882", ended_at="2026-03-03T17:50:00Z")

    answer = api.post("/api/v1/sessions", json=newer).json()

    seen = api.get(f"/api/v1/sessions/{older['id']}").json()
    assert seen["state"] == "superseded"
    assert {m["state"] for m in seen["messages"]} <= {"cancelled", "skipped"}
    assert all(m["reason"] for m in seen["messages"])
    assert answer["patient_id"] == older["patient_id"]


def test_a_cancelled_session_says_why(api):
    session = api.post("/api/v1/sessions", json=VISIT).json()

    answer = api.post(
        f"/api/v1/sessions/{session['id']}/cancel", json={"reason": "Patient moved away"}
    )

    assert answer.json()["state"] == "cancelled"
    assert {"Patient moved away"} == {
        m["reason"] for m in answer.json()["messages"] if m["state"] == "cancelled"
    }
    again = api.post(f"/api/v1/sessions/{session['id']}/cancel", json={"reason": "again"})
    assert again.status_code == 409


def test_sessions_are_listed_page_by_page(api):
    for number in range(3):
        patient = f"+1281555012{number}"
        api.post("/api/v1/sessions", json=visit(external_id=f"v{number}", patient__phone=patient))

    first = api.get("/api/v1/sessions?limit=2").json()
    rest = api.get(f"/api/v1/sessions?limit=2&cursor={first['next_cursor']}").json()

    ids = [session["external_id"] for session in first["sessions"] + rest["sessions"]]
    assert ids == ["v0", "v1", "v2"]
    assert rest["next_cursor"] is None


def test_pages_stay_in_order_while_new_sessions_come(api):
    for number in range(4):
        patient = f"+1281555012{number}"
        api.post("/api/v1/sessions", json=visit(external_id=f"v{number}", patient__phone=patient))
    first = api.get("/api/v1/sessions?limit=3").json()
    api.post("/api/v1/sessions", json=visit(external_id="v4", patient__phone="+12815550124"))

    rest = api.get(f"/api/v1/sessions?limit=3&cursor={first['next_cursor']}").json()

    seen = [session["external_id"] for session in first["sessions"] + rest["sessions"]]
    assert seen == ["v0", "v1", "v2", "v3", "v4"]


def test_sessions_can_be_asked_for_by_patient_and_time(api):
    ana = api.post("/api/v1/sessions", json=VISIT).json()
    api.post("/api/v1/sessions", json=visit(external_id="v2", patient__phone="+12815550124"))

    of_ana = api.get(f"/api/v1/sessions?patient_id={ana['patient_id']}").json()["sessions"]
    later = api.get("/api/v1/sessions?since=2026-03-03T18:00:01").json()["sessions"]

    assert [session["id"] for session in of_ana] == [ana["id"]]
    assert later == []


def test_another_clinic_sees_nothing(api, other_key):
    session = api.post("/api/v1/sessions", json=VISIT).json()
    unknown = "00000000-0000-0000-0000-000000000000"

    foreign = api.get(f"/api/v1/sessions/{session['id']}", headers=other_key)
    absent = api.get(f"/api/v1/sessions/{unknown}", headers=other_key)

    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() == absent.json()
    assert api.get("/api/v1/sessions", headers=other_key).json()["sessions"] == []


@pytest.mark.parametrize("header", [{"Authorization": "Bearer ak_wrong"}, {"Authorization": ""}])
def test_without_a_key_nothing_is_answered(api, header):
    answer = api.get("/api/v1/sessions", headers=header)

    assert answer.status_code == 401
    assert "API key" in answer.json()["detail"]
