"""What a reply makes needless, and what it holds back for an hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.values import MessageKind, MessageState
from service.pathway.replies import receive
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Consent, Patient
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    OK,
    a_message,
    a_patient,
    a_sent_checkin,
    a_session,
    a_text,
    rules_that_read,
)

CLOSE_AT = NOON + timedelta(days=4)


@pytest.fixture
def ana(sessions):
    with sessions.begin() as db:
        patient = a_patient(db, a_clinic(db))
        db.add(
            Consent(
                clinic_id=patient.clinic_id,
                patient_id=patient.id,
                sms=True,
                email=False,
                details=False,
                recorded_at=NOON,
                recorded_by="test",
                wording_version=1,
            )
        )
        session = a_session(db, patient)
        a_sent_checkin(db, session, patient)
        when = {
            "send_at": CLOSE_AT,
            "send_before": CLOSE_AT + timedelta(hours=8),
            "useful_until": CLOSE_AT + timedelta(days=1),
        }
        a_message(db, session, patient, "close", kind=MessageKind.REMINDER, **when)


def answers(sessions, reading, at=NOON):
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        receive(db, clinic, a_text("words", at=at), rules_that_read(reading))


def the(sessions, key):
    with sessions() as db:
        return db.scalars(select(Message).where(Message.key == key)).one()


def test_an_answer_cancels_the_message_that_says_there_was_none(sessions, ana):
    answers(sessions, replace(OK, score=2))

    assert the(sessions, "close").state is MessageState.CANCELLED


def test_so_does_any_other_word_of_theirs(sessions, ana):
    with sessions.begin() as db:
        db.scalars(select(Message).where(Message.key == "checkin_48h")).one().answered_at = (
            NOON - timedelta(hours=5)
        )
    answers(sessions, OK)

    assert (the(sessions, "close").state, the(sessions, "close").reason) == (
        MessageState.CANCELLED,
        "The patient wrote to us.",
    )


def test_an_automatic_reply_does_not(sessions, ana):
    answers(sessions, replace(OK, no_answer=True))

    assert the(sessions, "close").state is MessageState.PLANNED


def a_tip(sessions, send_at, useful_for):
    with sessions.begin() as db:
        close = db.scalars(select(Message).where(Message.key == "close")).one()
        a_message(
            db,
            db.get_one(TreatmentSession, close.session_id),
            db.get_one(Patient, close.patient_id),
            "tip_72h",
            kind=MessageKind.TIP,
            send_at=send_at,
            send_before=NOON + useful_for,
            useful_until=NOON + useful_for,
        )


def test_a_tip_waits_an_hour_for_a_patient_who_is_writing(sessions, ana):
    a_tip(sessions, NOON + timedelta(minutes=10), timedelta(hours=5))

    answers(sessions, OK)

    moved = the(sessions, "tip_72h")
    assert moved.send_at == NOON + timedelta(hours=1)
    assert moved.reason


def test_a_tip_that_cannot_wait_is_left_out(sessions, ana):
    a_tip(sessions, NOON + timedelta(minutes=10), timedelta(minutes=40))

    answers(sessions, OK)

    assert the(sessions, "tip_72h").state is MessageState.SKIPPED


def test_a_later_tip_stays_where_it_is(sessions, ana):
    a_tip(sessions, NOON + timedelta(hours=3), timedelta(hours=5))

    answers(sessions, OK)

    assert the(sessions, "tip_72h").send_at == NOON + timedelta(hours=3)
