"""Import: every row is looked at before anything is stored, and no visit is taken twice."""

from __future__ import annotations

import csv
import html
import io
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from service.domain.values import SessionState
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient
from service.store.sessions import TreatmentSession
from tests.make import a_clinic
from tests.pathway.builders import a_patient, a_session
from tests.web.staff.browsing import form_token

HEADINGS = "row_id,First name,phone,ended_at,regions,pain,consent_sms,email,consent_email"
ANA = "v-1,Ana,281-555-0123,2026-03-03 11:30,low_back / Hip,5,yes,,"
LEO = "v-2,Leo,,03/03/2026 11:10 AM,neck,,,leo@example.com,Yes"
BAD = "v-3,Zoe,12,2026-13-03,elbow,11,maybe,,"


def table(*rows: str) -> str:
    return "\n".join((HEADINGS, *rows))


def check(browser: TestClient, text: str | bytes, **fields: Any) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    return browser.post(
        "/import/check",
        data={"form_token": form_token(browser.get("/import"))} | fields,
        files={"file": ("visits.csv", data, "text/csv")},
        headers={"Sec-Fetch-Site": "same-origin"},
    )


def go_on(browser: TestClient, page: Any, path: str) -> Any:
    """Send on what the page carries, as a browser would."""
    kept = re.search(r'name="text" value="([^"]*)"', page.text)
    assert kept
    data = {"form_token": form_token(page), "text": html.unescape(kept[1]), "day_first": "false"}
    return browser.post(path, data=data, headers={"Sec-Fetch-Site": "same-origin"})


def count(sessions: Any, what: Any) -> int:
    with sessions() as db:
        return db.scalar(select(func.count()).select_from(what)) or 0


def test_the_good_rows_are_kept_and_the_bad_ones_named(therapist, sessions):
    page = check(therapist, table(ANA, BAD, LEO))

    assert page.status_code == 200
    assert "2 of 3 rows can be taken" in page.text
    assert "Tue Mar 3, 11:30 AM" in page.text
    assert "messages, the first Tue Mar 3, 12:00 PM" in page.text
    bad = page.text[page.text.index("Row 3") :]
    for told in (
        "<code>phone</code> This is not a phone number",
        "<code>ended_at</code> Write day and time as 2026-03-03 11:45.",
        "<code>regions</code> “elbow” is none that we know. Did you mean arm_elbow?",
        "<code>pain</code> Write a whole number from 0 to 10, or nothing.",
        "<code>consent_sms</code> Write yes or no.",
    ):
        assert told in bad
    stored = [count(sessions, one) for one in (TreatmentSession, Patient, Address, Message)]
    assert stored == [0, 0, 0, 0]


def test_good_rows_are_enrolled_once_with_what_each_patient_agreed_to(therapist, sessions, alex):
    looked = check(therapist, table(ANA, BAD, LEO))

    done = go_on(therapist, looked, "/import/enrol")
    again = go_on(therapist, looked, "/import/enrol")

    assert "2 visits enrolled" in done.text
    assert "Row 3" in done.text
    assert "0 visits enrolled" in again.text
    assert again.text.count("is here already") == 2
    assert "0 of 1 row can be taken" in check(therapist, table(ANA)).text
    with sessions() as db:
        visits = db.scalars(select(TreatmentSession)).all()
        agreed = {
            name: (sms, email)
            for name, sms, email in db.execute(
                select(Patient.first_name, Consent.sms, Consent.email).join(
                    Consent, Consent.patient_id == Patient.id
                )
            )
        }
        entries = db.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert {one.external_id for one in visits} == {"v-1", "v-2"}
    assert {one.created_by for one in visits} == {"Sam Nguyen"}
    assert sorted(one.regions for one in visits) == [["low_back", "hip_glute"], ["neck"]]
    assert agreed == {"Ana": (True, False), "Leo": (False, True)}
    imported = [one for one in entries if one.action == "visits_imported"]
    assert [(one.actor, one.detail["new"]) for one in imported] == [
        ("Sam Nguyen", 2),
        ("Sam Nguyen", 0),
    ]
    assert "5550123" not in str([one.detail for one in entries])


def test_pressed_twice_in_the_same_moment_each_visit_is_enrolled_once(therapist, sessions):
    looked, both = check(therapist, table(ANA, LEO)), Barrier(2)

    def press(_: int) -> Any:
        both.wait()
        return go_on(therapist, looked, "/import/enrol")

    with ThreadPoolExecutor(2) as fingers:
        done = list(fingers.map(press, range(2)))

    assert sorted(one.status_code for one in done) == [200, 200]
    assert sum("2 visits enrolled" in one.text for one in done) == 1
    assert sum("0 visits enrolled" in one.text for one in done) == 1
    assert count(sessions, TreatmentSession) == 2


def test_a_visit_without_an_id_of_its_own_is_known_again(therapist, sessions):
    row = ANA.replace("v-1", "")

    go_on(therapist, check(therapist, table(row, row)), "/import/enrol")
    again = check(therapist, table(row.replace("low_back / Hip", "neck")))

    assert "is here already" in again.text
    assert count(sessions, TreatmentSession) == 1


def test_no_older_visit_takes_the_place_of_a_later_one(therapist, sessions, alex):
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, alex.clinic_id))
        a_session(db, patient)  # on Sunday
    known = "{},Ana,+1 713 555 0111,2026-03-0{} 10:00,neck,,yes,,"
    leo = "{},Leo,281-555-0124,2026-03-0{} 10:00,neck,,yes,,"
    text = table(known.format("a", 1), leo.format("b", 2), leo.format("c", 3), leo.format("d", 3))
    earlier = known.format("e", 1).replace("03-01", "02-27")

    page = check(therapist, text)
    done = go_on(therapist, check(therapist, table(earlier, known.format("f", 3))), "/import/enrol")
    older = check(therapist, table(earlier))

    assert "This visit is here already" in page.text  # the same day, entered in another way
    assert "has a later visit in row 4" in page.text
    assert "The same visit as row 4" in page.text
    assert "1 visit enrolled" in done.text
    assert "A later visit of this patient" in older.text
    with sessions() as db:
        states = db.execute(select(TreatmentSession.external_id, TreatmentSession.state)).all()
    assert dict(map(tuple, states)) == {None: SessionState.SUPERSEDED, "f": SessionState.ACTIVE}


def test_another_clinics_patients_are_not_told_of(therapist, sessions):
    with sessions.begin() as db:
        a_session(db, a_patient(db, a_clinic(db, name="Other", sender="+12815550001")))

    page = check(therapist, table("x,Ana,+1 713 555 0111,2026-03-01 12:00,neck,,yes,,"))

    assert "1 of 1 row can be taken" in page.text


def test_rows_that_were_left_out_come_as_a_file_in_which_nothing_runs(therapist):
    evil = 'v-9,"=HYPERLINK(""http://evil.example"",""x"")",,2026-03-03 11:30,neck,,yes,,'

    page = check(therapist, table(ANA, evil))
    got = go_on(therapist, page, "/import/left-out.csv")

    assert got.headers["Content-Disposition"] == 'attachment; filename="left-out.csv"'
    headings, row = list(csv.reader(io.StringIO(got.text.removeprefix("\ufeff"))))
    assert headings[-1] == "what_to_do"
    assert row[1] == '\'=HYPERLINK("http://evil.example","x")'
    assert row[-1] == "phone: Write it, because consent_sms is yes."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "Choose a file, or paste the rows", id="nothing"),
        pytest.param(
            "name,phone\nAna,1", "are missing: first_name, ended_at", id="columns missing"
        ),
        pytest.param(table(), "There are no rows below the headings.", id="headings alone"),
        pytest.param(table(*[ANA] * 101), "There are more than 100 rows", id="too many rows"),
        pytest.param("x" * 300_000, "larger than 256 KB", id="too large"),
        pytest.param(b"PK\x03\x04", "This is a workbook", id="a workbook"),
    ],
)
def test_a_file_that_cannot_be_taken_says_what_to_do(therapist, text, told):
    page = check(therapist, text)

    assert page.status_code == 422
    assert told in page.text


def test_the_template_can_be_imported_as_it_is(therapist, sessions):
    template = therapist.get("/import/template.csv")

    page = check(therapist, template.content, pasted="")

    assert "1 of 1 row can be taken" in page.text


def test_what_is_pasted_is_read_as_well_and_slashes_as_was_said(therapist, sessions):
    row = "v-5,Mia,281-555-0125,2/3/2026 09:00,neck,,yes,,"

    page = therapist.post(
        "/import/check",
        data={
            "form_token": form_token(therapist.get("/import")),
            "pasted": table(row).replace(",", "\t"),
            "day_first": "true",
        },
        files={"file": ("", b"")},
    )

    assert "Mon Mar 2, 9:00 AM" in page.text
