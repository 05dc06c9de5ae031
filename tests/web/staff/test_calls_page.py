"""The call list and a call's sheet: most urgent first, one owner, two taps, nothing leaks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, select

from service.app import reply_rules
from service.domain.values import CallOutcome, Channel, Level, Role
from service.pathway.callbacks import own
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.flags import Call, Flag
from service.store.patients import Address, Patient, address_for
from service.store.replies import Reply
from service.store.workers import record_beat
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    PHONE,
    a_message,
    a_patient,
    a_sent_checkin,
    a_session,
    a_text,
)
from tests.pathway.make import a_flag
from tests.web.staff.browsing import a_person, form_token, send, sign_in

NUMB = "its a 7 and my hand is numb, no fever"
EVIL = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)> {{7*7}}"


@pytest.fixture(autouse=True)
def beating(sessions):
    """A worker that ticked just now."""
    with sessions.begin() as db:
        record_beat(db, uuid4(), "here", NOON)


@pytest.fixture
def numb(sessions, alex) -> UUID:
    """The flag of a patient who was asked after two days, and whose hand is numb."""
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        patient = a_patient(db, clinic)
        a_sent_checkin(db, a_session(db, patient), patient)
        receive(db, clinic, a_text(NUMB), reply_rules())
        return db.scalars(select(Flag.id)).one()


def write(sessions, clinic_id, text, ref, at=NOON, **more):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, clinic_id)
        receive(db, clinic, a_text(text, ref, at, **more), reply_rules())


def owner_of(sessions, flag_id):
    with sessions() as db:
        return db.get_one(Flag, flag_id).owner


def record(browser, flag_id, outcome, *, tries_seen=0, **more):
    page = f"/calls/{flag_id}"
    return send(browser, page, f"{page}/outcome", outcome=outcome, tries_seen=tries_seen, **more)


def test_a_call_says_whom_why_and_by_when(admin, numb):
    page = admin.get("/calls").text

    assert "Ana" in page
    assert "Urgent" in page
    assert "due in 2 h" in page
    assert "Numb or tingling" in page
    assert "my <mark>hand is numb</mark>" in page
    assert '<span class="not-counted" title="denied">fever</span>' in page
    assert "48 h after the session" in page
    assert "pain <b>7</b>, 5 before" in page
    assert "(1) Calls" in page


def test_the_words_that_made_it_an_emergency_are_shown_not_those_that_came_first(
    admin, sessions, alex, numb
):
    write(sessions, alex.clinic_id, "cant breathe", "SM2", NOON + timedelta(minutes=20))

    page = admin.get("/calls").text

    assert "<mark>cant breathe</mark>" in page
    assert "1 more" in page
    assert "Emergency" in page


def test_who_takes_a_call_finds_the_number_and_what_to_ask(admin, sessions, numb):
    sheet = send(admin, "/calls", f"/calls/{numb}/take")

    assert sheet.status_code == 200
    assert f'href="tel:{PHONE}"' in sheet.text
    assert "(713) 555-0111" in sheet.text
    assert "Is any part weak as well?" in sheet.text
    assert "We just tried to call you about your text" in sheet.text
    assert owner_of(sessions, numb) == "Alex Rivera"


def test_the_second_to_take_a_call_is_told_who_has_it(admin, therapist, sessions, numb):
    send(admin, "/calls", f"/calls/{numb}/take")

    late = send(therapist, f"/calls/{numb}", f"/calls/{numb}/take")

    assert late.status_code == 409
    assert "Alex Rivera took this first" in late.text
    assert owner_of(sessions, numb) == "Alex Rivera"
    assert "<strong>Alex Rivera</strong> has it since" in therapist.get("/calls").text


def test_of_two_who_take_a_call_in_the_same_moment_one_gets_it(admin, therapist, sessions, numb):
    both = Barrier(2)

    def take(browser):
        token = form_token(browser.get("/calls"))
        both.wait()
        return browser.post(f"/calls/{numb}/take", data={"form_token": token})

    with ThreadPoolExecutor(2) as people:
        answers = list(people.map(take, [admin, therapist]))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    won = "Alex Rivera" if answers[0].status_code == 200 else "Sam Nguyen"
    assert owner_of(sessions, numb) == won
    late = next(answer for answer in answers if answer.status_code == 409)
    assert f"{won} took this first" in late.text


def test_an_outcome_is_recorded_from_the_list_and_confirmed(admin, sessions, numb):
    send(admin, "/calls", f"/calls/{numb}/take")

    page = record(admin, numb, "voicemail", note="Her sister\r\nanswered.")

    assert "Recorded for Ana: left a voicemail. Next try 12:30 PM." in page.text
    assert "next try due in 30 min" in page.text
    with sessions() as db:
        call = db.scalars(select(Call)).one()
    assert (call.outcome, call.made_by) == (CallOutcome.VOICEMAIL, "Alex Rivera")
    assert call.note == "Her sister\nanswered."


def test_a_call_that_reached_the_patient_leaves_the_list_and_keeps_its_sheet(admin, numb):
    page = record(admin, numb, "advised")

    assert "Recorded for Ana: gave advice." in page.text
    assert "Nobody waits for a call" in page.text
    sheet = admin.get(f"/calls/{numb}").text
    assert "Closed" in sheet
    assert "Gave advice" in sheet
    assert "tries_seen" not in sheet


def test_two_who_record_at_once_are_told_instead_of_counted_twice(admin, therapist, sessions, numb):
    record(admin, numb, "no_answer")

    late = record(therapist, numb, "no_answer", tries_seen=0, note="mine")
    too_late = record(therapist, numb, "reached", tries_seen=1)
    closed = record(admin, numb, "reached", tries_seen=2)

    assert late.status_code == 409
    assert "A call was recorded since you looked" in late.text
    assert ">mine</textarea>" in late.text
    assert too_late.status_code == 200
    assert closed.status_code == 409
    assert "done already" in closed.text
    with sessions() as db:
        assert len(db.scalars(select(Call)).all()) == 2


def test_a_note_too_long_is_given_back_and_nothing_is_recorded(admin, sessions, numb):
    answer = record(admin, numb, "reached", note="x" * 2001)

    assert answer.status_code == 422
    assert "longer than 2000" in answer.text
    with sessions() as db:
        assert db.scalars(select(Call)).all() == []


def test_looking_at_the_list_and_at_a_sheet_is_written_down(admin, sessions, numb):
    admin.get("/calls")
    admin.get(f"/calls/{numb}")

    with sessions() as db:
        patient = db.scalars(select(Patient.id)).one()
        read = {
            entry.action: entry
            for entry in db.scalars(select(AuditEntry))
            if entry.action.endswith("_read")
        }
    assert read["call_list_read"].detail == {"flags": [str(numb)]}
    assert read["record_read"].subject == f"patient:{patient}"
    assert {entry.actor for entry in read.values()} == {"Alex Rivera"}


@pytest.mark.parametrize("outcome", ["take", "outcome", "whose", None])
def test_another_clinics_call_is_as_unknown_as_any(new_browser, sessions, numb, admin, outcome):
    with sessions.begin() as db:
        other = a_clinic(db, name="Other", sender="+12815550009")
        person = a_person(db, other, "kim@other.example", Role.ADMIN, name="Kim")
    foreign = new_browser()
    sign_in(foreign, person.email)

    def ask(flag_id):
        if outcome is None:
            return foreign.get(f"/calls/{flag_id}")
        fields = {"outcome": "reached", "tries_seen": 0, "patient_id": str(uuid4())}
        return send(foreign, "/calls", f"/calls/{flag_id}/{outcome}", **fields)

    answers = [ask(flag_id) for flag_id in (numb, uuid4(), "no-id")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.text for answer in answers}) == 1
    assert "Ana" not in foreign.get("/calls").text


def test_what_patients_and_staff_write_is_shown_and_never_run(admin, sessions, alex, numb):
    with sessions.begin() as db:
        patient = db.scalars(select(Patient)).one()
        patient.first_name = EVIL
    write(sessions, alex.clinic_id, f"numb {EVIL} \udc80", "SM2", NOON + timedelta(minutes=9))
    record(admin, numb, "voicemail", note=EVIL)

    for path in ("/calls", f"/calls/{numb}"):
        page = admin.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;" in page
        assert "{{7*7}}" in page


def test_strangers_and_shared_phones_have_their_lists(admin, sessions, alex, numb):
    write(
        sessions,
        alex.clinic_id,
        "who is this, my arm is numb",
        "SM8",
        sender_address="+17135550199",
    )

    strangers = admin.get("/calls/unknown-senders").text

    assert "Unknown sender" in strangers
    assert "arm is numb" in strangers
    assert "Ana" not in strangers
    assert "Nobody on this list" in admin.get("/calls/shared-phones").text


def test_staff_say_which_of_a_shared_phones_patients_wrote(admin, sessions, alex):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        ana = a_patient(db, clinic)
        phone = address_for(db, clinic.id, Channel.SMS, PHONE, NOON)
        ben = Patient(
            clinic_id=clinic.id,
            first_name="Ben",
            language=ana.language,
            channel=Channel.SMS,
            phone_address_id=phone.id,
            created_at=NOON,
        )
        db.add(ben)
        db.flush()
        session = a_session(db, ben)
        ben_id, session_id = ben.id, session.id
        receive(db, clinic, a_text("my hand is numb"), reply_rules())
        flag_id = db.scalars(select(Flag.id)).one()

    listed = admin.get("/calls/shared-phones").text
    stranger = send(admin, f"/calls/{flag_id}", f"/calls/{flag_id}/whose", patient_id=str(uuid4()))
    sheet = send(admin, f"/calls/{flag_id}", f"/calls/{flag_id}/whose", patient_id=str(ben_id))

    assert "Ana or Ben" in listed
    assert stranger.status_code == 404
    assert "<h1>Ben</h1>" in sheet.text
    assert "Nobody on this list" in admin.get("/calls/shared-phones").text
    with sessions() as db:
        reply = db.scalars(select(Reply)).one()
        assert (reply.patient_id, reply.session_id) == (ben_id, session_id)


def test_the_silent_and_the_undelivered_have_their_lists(admin, sessions, alex):
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, alex.clinic_id))
        session = a_session(db, patient)
        message = a_message(db, session, patient, "checkin_48h")
        silent, lost = (a_flag(db, patient, Level.ROUTINE) for _ in range(2))
        silent.kind, silent.categories = "no_answer", ["no_reply"]
        lost.kind, lost.categories, lost.message_id = "undelivered", ["checkin_48h"], message.id

    assert "Answered neither check-in" in admin.get("/calls/silent").text
    assert "Message did not arrive" in admin.get("/calls/undelivered").text


def test_a_phone_task_for_a_number_that_takes_no_texts_is_among_the_undelivered(
    admin, sessions, alex
):
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, alex.clinic_id))
        task = a_flag(db, patient, Level.ROUTINE)
        task.kind, task.categories = "task", ["phone_48h"]
    assert "Nobody on this list" in admin.get("/calls/undelivered").text

    with sessions.begin() as db:
        db.scalars(select(Address)).one().landline_at = NOON

    assert "Phone instead of the first check-in" in admin.get("/calls/undelivered").text


def test_a_quiet_list_says_when_nothing_is_being_sent(admin, sessions, alex, clock):
    assert "Nothing is being sent" not in admin.get("/calls").text
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        clinic.sending_stopped_at, clinic.sending_stopped_because = NOON, "Credentials refused."
    clock.now = NOON + timedelta(minutes=3)

    page = admin.get("/calls").text

    assert "No worker has ticked since 12:00 PM" in page
    assert "Sending is stopped for this clinic" in page
    assert "Credentials refused." in page


def test_news_of_the_list_are_what_the_page_would_show(admin, numb):
    told = admin.get("/calls/events")

    assert told.headers["content-type"].startswith("text/event-stream")
    assert told.text.startswith("event: list\ndata: <div")
    assert 'data-count="1"' in told.text
    assert "hand is numb" in told.text


def test_a_page_left_open_is_told_when_its_reader_is_signed_out(admin, numb, clock):
    clock.now = NOON + timedelta(minutes=14)
    assert "event: list" in admin.get("/calls/events").text
    clock.now = NOON + timedelta(hours=1)

    assert admin.get("/calls/events", follow_redirects=False).status_code == 303


def test_fifty_calls_ask_no_more_of_the_database_than_one(admin, engine, sessions, alex, numb):
    asked = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    admin.get("/calls")
    for_one = len(asked)
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        for number in range(60):
            address = address_for(db, clinic.id, Channel.SMS, f"+1713555{number:04}", NOON)
            patient = Patient(
                clinic_id=clinic.id,
                first_name=f"Patient {number}",
                language="en",
                channel=Channel.SMS,
                phone_address_id=address.id,
                created_at=NOON,
            )
            db.add(patient)
            db.flush()
            a_session(db, patient)
            text = a_text(NUMB, f"SM{number}x", sender_address=f"+1713555{number:04}")
            receive(db, clinic, text, reply_rules())
        taken = db.scalars(select(Flag)).all()[3]
        own(db, clinic.id, taken.id, "Joe", NOON)
    asked.clear()

    page = admin.get("/calls").text

    assert len(asked) == for_one
    assert page.count('class="call call-') == 50
    assert "1 to 50 of 61" in page
    assert admin.get("/calls?start=50").text.count('class="call call-') == 11
