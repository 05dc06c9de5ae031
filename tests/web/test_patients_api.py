"""One patient over the API: exported whole, stopped, erased."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from service.domain.values import Level
from service.pathway.administration import create_staff
from service.pathway.escalation import tell_staff
from service.pathway.optouts import opt_out
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.patients import Address
from tests.make import NOON
from tests.pathway.builders import EMERGENCY, a_text, rules_that_read
from tests.web.test_sessions_api import VISIT, visit

PHONE = VISIT["patient"]["phone"]
STAFF_PHONE = "+12815550999"


def enrolled(api, **changes):
    # A plan that suits the patient: nothing about it waits for a person.
    given = {"plan": "either", "patient__health_flags": ["pregnant"]} | changes
    return api.post("/api/v1/sessions", json=visit(**given)).json()


def an_emergency(sessions):
    """The patient writes, and the one on call is told."""
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic).where(Clinic.name == "Bayou Needling")).one()
        text = a_text("I cannot breathe", sender_address=PHONE)
        receive(db, clinic, text, rules_that_read(EMERGENCY))
        create_staff(
            db,
            clinic,
            email="kim@bayou.example",
            name="Kim",
            phone=STAFF_PHONE,
            role="therapist",
            duty="on_call",
            now=NOON,
        )
    tell_staff(sessions, NOON)


def test_everything_about_a_patient_is_one_document(api, sessions):
    session = enrolled(api)
    an_emergency(sessions)
    flag = api.get("/api/v1/flags").json()[0]
    api.post(f"/api/v1/flags/{flag['id']}/calls", json={"outcome": "reached", "note": "Sent on."})

    answer = api.get(f"/api/v1/patients/{session['patient_id']}/export")

    assert answer.status_code == 200
    held = answer.json()
    assert held["patient"]["first_name"] == "Ana"
    assert held["patient"]["health_flags"] == ["pregnant"]
    assert [(a["value"], a["opted_out_at"]) for a in held["addresses"]] == [(PHONE, None)]
    assert (
        held["consents"][0] | {"recorded_by": "front desk", "wording_version": 1}
        == (held["consents"][0])
    )
    assert held["sessions"][0]["ended_at"] == "2026-03-03T17:45:00Z"
    welcome = next(m for m in held["messages"] if m["key"] == "welcome")
    assert welcome["text"].startswith("Bayou Needling")
    assert [(r["body"], r["level"]) for r in held["replies"]] == [("I cannot breathe", "emergency")]
    assert [f["outcome"] for f in held["flags"]] == ["reached"]
    assert [c["note"] for c in held["calls"]] == ["Sent on."]
    assert {n["staff"] for n in held["notices"]} == {"Kim"}
    assert {"enrolled", "flag_raised", "call_recorded", "patient_exported"} <= {
        entry["action"] for entry in held["audit"]
    }


def test_staffs_own_numbers_are_not_in_a_patients_export(api, sessions):
    session = enrolled(api)
    an_emergency(sessions)

    answer = api.get(f"/api/v1/patients/{session['patient_id']}/export")

    assert answer.json()["notices"]
    assert STAFF_PHONE not in answer.text
    assert "kim@bayou.example" not in answer.text


def test_an_email_is_exported_in_words_and_without_its_links(api):
    session = enrolled(
        api,
        patient__channel="email",
        patient__email="ana@home.example",
        patient__consent={"sms": False, "email": True},
    )

    held = api.get(f"/api/v1/patients/{session['patient_id']}/export").json()

    texts = [m["text"] for m in held["messages"] if m["channel"] == "email" and m["text"]]
    assert any("Bayou Needling" in text for text in texts)
    assert not any("/u/" in text or "/c/" in text for text in texts)


def test_a_relatives_record_is_not_in_the_export(api, sessions):
    ana = enrolled(api)
    ben = enrolled(api, external_id="visit-ben", patient__first_name="Ben")

    answer = api.get(f"/api/v1/patients/{ana['patient_id']}/export")

    assert ben["id"] not in answer.text
    assert "Ben" not in answer.text


def test_that_a_record_was_read_is_recorded(api, sessions):
    session = enrolled(api)

    api.get(f"/api/v1/patients/{session['patient_id']}/export")

    with sessions() as db:
        read = db.scalars(select(AuditEntry).where(AuditEntry.action == "patient_exported")).one()
    assert (read.actor, read.subject) == ("front desk", f"patient:{session['patient_id']}")


def test_the_exports_shape_is_described(api):
    described = api.get("/api/v1/openapi.json").json()

    answer = described["paths"]["/api/v1/patients/{patient_id}/export"]["get"]["responses"]["200"]
    name = answer["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    assert set(described["components"]["schemas"][name]["required"]) == {
        "patient",
        "addresses",
        "consents",
        "sessions",
        "messages",
        "replies",
        "flags",
        "calls",
        "notices",
        "audit",
    }


def test_stopping_a_patient_cancels_everything_and_later_sessions_send_nothing(api):
    session = enrolled(api)

    answer = api.post(
        f"/api/v1/patients/{session['patient_id']}/stop", json={"reason": "Admitted to hospital"}
    )

    assert answer.status_code == 200
    assert answer.json()["cancelled"] > 0
    seen = api.get(f"/api/v1/sessions/{session['id']}").json()
    assert "planned" not in {m["state"] for m in seen["messages"]}
    later = enrolled(api, external_id="visit-882")
    assert {m["state"] for m in later["messages"]} == {"skipped"}
    assert {m["reason"] for m in later["messages"]} >= {
        "Staff stopped all messages to this patient."
    }


def test_a_resumed_patient_gets_messages_with_the_next_session(api):
    patient = enrolled(api)["patient_id"]
    api.post(f"/api/v1/patients/{patient}/stop", json={"reason": "Wrong record"})

    answer = api.post(f"/api/v1/patients/{patient}/resume")

    assert answer.json()["stopped_at"] is None
    later = enrolled(api, external_id="visit-882")
    assert "planned" in {m["state"] for m in later["messages"]}


def test_an_erased_patient_is_nobody_and_enrolling_again_starts_afresh(api):
    first = enrolled(api)

    answer = api.delete(f"/api/v1/patients/{first['patient_id']}")

    assert answer.status_code == 200
    assert answer.json()["cancelled"] > 0
    held = api.get(f"/api/v1/patients/{first['patient_id']}/export")
    assert "Ana" not in held.text
    assert PHONE not in held.text
    again = enrolled(api)
    assert again["id"] != first["id"]
    assert again["patient_id"] != first["patient_id"]
    assert "welcome" in {m["key"] for m in again["messages"] if m["state"] == "planned"}


def test_enrolling_an_erased_number_that_opted_out_says_so(api, sessions):
    first = enrolled(api)
    with sessions.begin() as db:
        opt_out(db, db.scalars(select(Address)).one(), "text", NOON)
    api.delete(f"/api/v1/patients/{first['patient_id']}?force=true")

    again = enrolled(api)

    assert {m["state"] for m in again["messages"]} == {"skipped"}
    assert any("asked for no more messages" in m["reason"] for m in again["messages"])


def test_an_open_flag_says_what_to_do_before_erasing(api, sessions):
    session = enrolled(api)
    an_emergency(sessions)
    url = f"/api/v1/patients/{session['patient_id']}"

    refused = api.delete(url)
    forced = api.delete(f"{url}?force=true")

    assert refused.status_code == 409
    assert "/calls" in refused.json()["detail"]
    assert forced.status_code == 200
    (flag,) = api.get("/api/v1/flags").json()
    assert forced.json()["open_flags"] == [flag["id"]]
    assert (flag["reply"], flag["owner"], flag["level"]) == (None, "front desk", Level.EMERGENCY)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("GET", "/export", None, id="export"),
        pytest.param("POST", "/stop", {"reason": "Admitted"}, id="stop"),
        pytest.param("POST", "/resume", None, id="resume"),
        pytest.param("DELETE", "", None, id="erase"),
    ],
)
def test_another_clinics_patient_is_as_unknown_as_any(api, other_key, method, path, body):
    patient = UUID(enrolled(api)["patient_id"])

    foreign, absent = (
        api.request(method, f"/api/v1/patients/{one}{path}", json=body, headers=other_key)
        for one in (patient, uuid4())
    )

    assert (foreign.status_code, foreign.json()) == (absent.status_code, absent.json())
    assert foreign.status_code == 404
