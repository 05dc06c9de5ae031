"""How are we doing: what stands still is said in words, with what follows from it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from service.domain.values import Level, MessageState
from service.store.clinics import Clinic
from service.store.workers import record_beat
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_patient, a_session
from tests.pathway.make import a_flag

FIGURES = {"sent": {"sms/accepted": 7, "email/refused": 2}, "duties": {"emails": NOON.isoformat()}}


@pytest.fixture(autouse=True)
def beating(sessions):
    with sessions.begin() as db:
        record_beat(db, uuid4(), "here", NOON, FIGURES)


def test_when_all_runs_the_page_says_so(admin):
    page = admin.get("/how-are-we-doing").text

    assert "It ticked less than a minute ago." in page
    assert "Nothing is late." in page
    assert "Somebody has each of them." in page
    assert "texts 7 taken, 0 refused" in page
    assert "emails 0 taken, 2 refused" in page


def test_after_an_outage_it_says_what_will_be_dropped_before_anything_leaves(
    admin, sessions, alex, clock
):
    minute = timedelta(minutes=1)
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, alex.clinic_id))
        session = a_session(db, patient)
        for key, send_before, useful_until in (
            ("tip_72h", NOON + 5 * minute, NOON + 5 * minute),
            ("checkin_48h", NOON + 5 * minute, NOON + 300 * minute),
            ("checkin_96h", NOON + 200 * minute, NOON + 300 * minute),
        ):
            a_message(db, session, patient, key, send_before=send_before, useful_until=useful_until)
        other = a_patient(db, a_clinic(db, name="Other", sender="+12815550009"))
        a_message(db, a_session(db, other), other, "checkin_48h")
    clock.now = NOON + 10 * minute

    page = admin.get("/how-are-we-doing").text

    assert "No sign of it for 10 min" in page
    assert "3 wait to go out, the oldest for 10 min" in page
    assert "1 will be dropped" in page
    assert "1 is past today" in page


def test_flags_that_nobody_took_and_calls_that_are_overdue_are_counted(
    admin, sessions, alex, clock
):
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, alex.clinic_id))
        a_flag(db, patient, Level.EMERGENCY)
        message = a_message(db, a_session(db, patient), patient, "checkin_48h")
        message.state, message.reason = MessageState.UNKNOWN, "Not known yet."
    clock.now = NOON + timedelta(minutes=14)
    assert "overdue" not in admin.get("/how-are-we-doing").text
    clock.now = NOON + timedelta(minutes=14, seconds=60)

    page = admin.get("/how-are-we-doing").text

    assert "Nobody has taken 1, the oldest for 15 min." in page
    assert "1 call is overdue." in page
    assert "Of 1 it is not known whether they went out" in page
