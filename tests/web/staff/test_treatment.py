"""A patient's page and a session's timeline: all that happened, why, and what can be done there."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, select

from service.app import reply_rules
from service.domain.values import CallOutcome, MessageState, SessionState
from service.pathway.callbacks import record_call
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.builders import PHONE, a_message, a_patient, a_sent_checkin, a_session, a_text
from tests.web.staff.browsing import form_token, sign_in


@contextmanager
def statements(engine):
    """Count what is asked of the database meanwhile."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def a_history(db, clinic, name="Ana"):
    """A session of two days ago: a check-in went out, another is planned, one was skipped."""
    patient = a_patient(db, clinic)
    patient.first_name = name
    db.add(
        Consent(
            clinic_id=clinic.id,
            patient_id=patient.id,
            sms=True,
            email=False,
            details=False,
            recorded_at=NOON,
            recorded_by="Alex Rivera",
            wording_version=1,
        )
    )
    session = a_session(db, patient)
    a_sent_checkin(db, session, patient)
    later = {name: NOON + timedelta(hours=48) for name in ("due_at", "send_at", "send_before")}
    a_message(db, session, patient, "checkin_96h", useful_until=NOON + timedelta(days=3), **later)
    a_message(
        db, session, patient, "hydrate", state=MessageState.SKIPPED, reason="It came too late."
    )
    return session


@pytest.fixture
def session(sessions, sam):
    """Ana's session at the therapist's clinic."""
    with sessions.begin() as db:
        return a_history(db, db.get_one(Clinic, sam.clinic_id))


@pytest.fixture
def foreign(sessions, sam):
    """A session of another clinic."""
    with sessions.begin() as db:
        return a_history(db, a_clinic(db, name="Other", sender="+12815550001"), name="Zoe")


def wrote(sessions, sam, body):
    with sessions.begin() as db:
        receive(db, db.get_one(Clinic, sam.clinic_id), a_text(body), reply_rules())


def act(therapist, session, does, **fields):
    """Press a button of the session's page."""
    token = form_token(therapist.get(f"/sessions/{session.id}"))
    return therapist.post(f"/sessions/{session.id}/{does}", data={"form_token": token} | fields)


def test_the_timeline_shows_every_message_with_its_state_and_reason(therapist, session):
    page = therapist.get(f"/sessions/{session.id}").text

    assert "Check-in, day 2" in page
    assert "Delivered" in page
    assert "Planned" in page
    assert "Thu Mar 5, 12:00 PM" in page
    assert "1 will not be sent, and why" in page
    assert "It came too late." in page


def test_the_words_that_decided_are_marked_in_the_reply(therapist, sessions, sam, session):
    wrote(sessions, sam, "its a 7 and my hand is numb <b>now</b>")

    page = therapist.get(f"/sessions/{session.id}").text

    assert "<mark" in page
    assert "numb</mark>" in page
    assert "&lt;b&gt;now&lt;/b&gt;" in page
    assert "Flag: urgent" in page
    assert "call by" in page


def test_a_patients_page_shows_consents_and_an_opt_out(therapist, sessions, sam, session):
    path = f"/patients/{session.patient_id}"
    before = therapist.get(path).text
    wrote(sessions, sam, "STOP")

    after = therapist.get(path).text

    assert "(713) 555-0111" in before
    assert "Agreed, preferred" in before
    assert "by Alex Rivera, wording 1" in before
    assert "Opted out" in after


@pytest.mark.parametrize("kind", ["patients", "sessions"])
def test_a_foreign_an_unknown_and_a_broken_id_open_the_same_page(therapist, foreign, kind):
    theirs = foreign.patient_id if kind == "patients" else foreign.id

    pages = [therapist.get(f"/{kind}/{one}") for one in (theirs, uuid4(), "none-of-ours")]

    assert [page.status_code for page in pages] == [404, 404, 404]
    assert len({page.text for page in pages}) == 1
    assert "Zoe" not in pages[0].text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sessions/{session}/undo", {}),
        ("/sessions/{session}/cancel", {"reason": "x"}),
        ("/sessions/{session}/end", {"ended_at": "2026-03-03T09:00"}),
        ("/patients/{patient}/stop", {"reason": "x"}),
        ("/patients/{patient}/resume", {}),
    ],
)
def test_nothing_of_another_clinic_can_be_changed(therapist, sessions, foreign, path, fields):
    token = form_token(therapist.get("/search"))

    answer = therapist.post(
        path.format(session=foreign.id, patient=foreign.patient_id),
        data={"form_token": token} | fields,
    )

    assert answer.status_code == 404
    with sessions() as db:
        assert db.get_one(TreatmentSession, foreign.id).state is SessionState.ACTIVE
        assert db.get_one(Patient, foreign.patient_id).stopped_at is None


def test_no_card_can_be_begun_for_another_clinics_patient(therapist, foreign):
    answer = therapist.get(f"/today/new?patient={foreign.patient_id}")

    assert answer.status_code == 404
    assert "Zoe" not in answer.text


def test_cancelling_asks_why_and_keeps_the_reason_beside_each_message(therapist, session):
    refused = act(therapist, session, "cancel", reason=" ")
    assert refused.status_code == 422
    assert "Say why in a few words" in refused.text

    page = act(therapist, session, "cancel", reason="Moved away")

    assert page.text.count("Moved away") >= 2
    assert "Nothing more is planned" in page.text


def test_cancelling_twice_says_that_it_has_ended(therapist, sessions, session):
    with sessions.begin() as db:
        db.get_one(TreatmentSession, session.id).state = SessionState.CANCELLED

    again = act(therapist, session, "cancel", reason="Moved away")

    assert again.status_code == 409
    assert "has ended already" in again.text


def test_a_corrected_end_moves_what_is_not_sent(therapist, sessions, session):
    page = act(therapist, session, "end", ended_at="2026-03-01T16:00")

    assert page.status_code == 200
    assert "Sun Mar 1, 4:00 PM" in page.text
    assert "Thu Mar 5, 4:00 PM" in page.text


@pytest.mark.parametrize(
    ("ended_at", "told"),
    [("", "not a date"), ("yesterday", "not a date"), ("2026-03-09T12:00", "more than a day")],
)
def test_an_end_that_cannot_be_is_refused_beside_its_field(therapist, session, ended_at, told):
    page = act(therapist, session, "end", ended_at=ended_at)

    assert page.status_code == 422
    assert told in page.text.split('id="ended_at-wrong"')[1].split("</p>")[0]


def test_all_messages_to_a_patient_can_be_stopped_and_let_go_on(therapist, sessions, session):
    path = f"/patients/{session.patient_id}"
    token = form_token(therapist.get(path))
    why = therapist.post(f"{path}/stop", data={"form_token": token})
    assert (why.status_code, "Say why" in why.text) == (422, True)

    stopped = therapist.post(f"{path}/stop", data={"form_token": token, "reason": "Admitted"})
    assert "All messages to this patient are stopped" in stopped.text
    resumed = therapist.post(f"{path}/resume", data={"form_token": token})

    assert "are stopped" not in resumed.text
    with sessions() as db:
        planned = select(Message).where(Message.state == MessageState.PLANNED)
        assert db.scalars(planned).all() == []


@pytest.mark.parametrize("kind", ["patients", "sessions"])
def test_every_look_at_a_patient_is_in_the_audit(therapist, sessions, session, kind):
    therapist.get(f"/{kind}/{session.patient_id if kind == 'patients' else session.id}")

    with sessions() as db:
        read = select(AuditEntry).where(AuditEntry.action == "patient_read")
        [entry] = db.scalars(read).all()
    assert (entry.actor, entry.subject) == ("Sam Nguyen", f"patient:{session.patient_id}")


def test_an_erased_patients_record_can_still_be_opened(therapist, sessions, sam, session):
    wrote(sessions, sam, "it aches")
    with sessions.begin() as db:
        patient = db.get_one(Patient, session.patient_id)
        patient.first_name, patient.health_flags, patient.erased_at = None, None, NOON
        db.get_one(Address, patient.phone_address_id).value = None

    for path in (f"/patients/{session.patient_id}", f"/sessions/{session.id}", "/today"):
        page = therapist.get(path)

        assert page.status_code == 200
        assert "Name erased" in page.text


def test_the_day_shows_who_was_treated_what_goes_out_and_what_came_back(
    therapist, sessions, sam, session
):
    with sessions.begin() as db:
        row = db.get_one(TreatmentSession, session.id)
        row.ended_at = row.created_at = NOON - timedelta(hours=1)
        planned = db.scalars(select(Message).where(Message.key == "checkin_96h")).one()
        planned.send_at = NOON + timedelta(hours=2)
    wrote(sessions, sam, "its a 7 and my hand is numb")

    page = therapist.get("/today").text

    treated, rest = page.split('id="back"')
    back, leaving = rest.split('id="leaving"')
    assert "Low back" in treated
    assert "numb</mark>" in back
    assert "Tue Mar 3, 2:00 PM" in leaving
    assert "1 urgent" in page


def test_the_day_begins_and_ends_by_the_clinics_clock(therapist, sessions, session, clock):
    with sessions.begin() as db:
        row = db.get_one(TreatmentSession, session.id)
        # 23:30 in Chicago: in UTC it is the next day already.
        row.ended_at = row.created_at = clock.now = NOON + timedelta(hours=11, minutes=30)
    assert "Low back" in sign_in_again(therapist)

    clock.now += timedelta(hours=1)

    assert "Nobody yet today" in sign_in_again(therapist)


def sign_in_again(therapist):
    """Open the day after a long pause, which ends a sign-in."""
    sign_in(therapist, "sam@bayou.example")
    return therapist.get("/today").text


def test_an_empty_day_says_how_to_begin(therapist):
    page = therapist.get("/today").text

    assert "Nobody yet today" in page
    assert 'href="/today/new"' in page


def test_another_clinics_day_is_not_shown(therapist, foreign):
    assert "Zoe" not in therapist.get("/today").text


def more_patients(sessions, sam, count):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, sam.clinic_id)
        for number in range(count):
            session = a_history(db, clinic, name=f"Patient {number}")
            session.ended_at = session.created_at = NOON - timedelta(minutes=number)
            db.flush()


def test_a_full_day_asks_the_database_no_more_than_an_empty_one(therapist, sessions, sam, engine):
    with statements(engine) as few:
        therapist.get("/today")
    more_patients(sessions, sam, 20)
    with statements(engine) as many:
        page = therapist.get("/today")

    assert "Patient 19" in page.text
    assert len(many) <= len(few) + 1
    assert len(many) <= 14


def test_a_long_timeline_asks_the_database_no_more_than_a_short_one(
    therapist, sessions, session, engine
):
    with statements(engine) as few:
        therapist.get(f"/sessions/{session.id}")
    with sessions.begin() as db:
        patient = db.get_one(Patient, session.patient_id)
        row = db.get_one(TreatmentSession, session.id)
        for number in range(20):
            a_message(db, row, patient, f"extra_{number}", wording="hydrate")
    with statements(engine) as many:
        therapist.get(f"/sessions/{session.id}")

    assert len(many) == len(few)


def find(therapist, words):
    token = form_token(therapist.get("/search"))
    return therapist.post("/search", data={"form_token": token, "words": words})


@pytest.mark.parametrize("words", [PHONE, "713 555 0111", "(713) 555-0111"])
def test_a_number_finds_its_patient_however_it_is_written(therapist, session, words):
    page = find(therapist, words)

    assert f"/patients/{session.patient_id}" in page.text
    assert "ends in 0111" in page.text


@pytest.mark.parametrize("words", ["jo", "JOSÉ", "jose", "maria", "jose maria"])
def test_the_beginning_of_a_name_finds_it_without_case_or_accents(
    therapist, sessions, session, words
):
    with sessions.begin() as db:
        db.get_one(Patient, session.patient_id).first_name = "José María"

    assert f"/patients/{session.patient_id}" in find(therapist, words).text


@pytest.mark.parametrize("words", ["Xu", "na", "281 555 0199", "%", " "])
def test_who_is_not_there_is_not_found(therapist, session, words):
    assert f"/patients/{session.patient_id}" not in find(therapist, words).text


@pytest.mark.parametrize("words", ["Zoe", PHONE])
def test_another_clinics_patients_are_not_found(therapist, foreign, words):
    page = find(therapist, words)

    assert "Nobody found" in page.text
    assert str(foreign.patient_id) not in page.text


def test_a_search_is_written_down_without_its_words(therapist, sessions, session):
    find(therapist, "Ana")

    with sessions() as db:
        searched = select(AuditEntry).where(AuditEntry.action == "patients_searched")
        [entry] = db.scalars(searched).all()
    assert entry.detail == {"by": "name", "shown": [str(session.patient_id)]}


def test_a_reply_nobody_was_named_for_is_shown_as_unknown(therapist, sessions, sam):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, sam.clinic_id)
        receive(db, clinic, a_text("who is this", sender_address="+12815550188"), reply_rules())

    page = therapist.get("/today").text

    assert "Unknown sender" in page
    assert "who is this" in page


def test_a_call_and_its_note_stand_on_the_timeline(therapist, sessions, sam, session):
    wrote(sessions, sam, "its a 7 and my hand is numb")
    with sessions.begin() as db:
        flag = db.scalars(select(Flag)).one()
        record_call(
            db, sam.clinic_id, flag.id, CallOutcome.ADVISED, "Rest <today>", "Alex Rivera", NOON
        )

    page = therapist.get(f"/sessions/{session.id}").text

    assert "Call: advised" in page
    assert "Rest &lt;today&gt;" in page
