"""Silence is never taken for "fine": a person phones."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.values import Channel, HeatIcePlan, MessageState, SessionState, TriggerPoints
from service.pathway.silence import raise_silences
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, a_patient_at, an_address

A_DAY = timedelta(days=1)


@pytest.fixture
def nudged(sessions):
    """A session whose check-in and last nudge were delivered; the nudge at noon."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        patient = a_patient_at(db, clinic, address)
        session = TreatmentSession(
            clinic_id=clinic.id,
            patient_id=patient.id,
            ended_at=NOON - timedelta(days=5),
            regions=["calf_foot"],
            first_session=False,
            trigger_points=TriggerPoints.LOW,
            plan=HeatIcePlan.UNSET,
            protocol_version=1,
            state=SessionState.ACTIVE,
            created_by="test",
            created_at=NOON,
        )
        db.add(session)
        db.flush()
        about = {
            "patient_id": patient.id,
            "session_id": session.id,
            "state": MessageState.DELIVERED,
            "reason": "It has arrived.",
        }
        a_message(db, clinic, address, key="checkin_96h", send_at=NOON - A_DAY, **about)
        a_message(db, clinic, address, key="nudge_96h", send_at=NOON, **about)


def test_a_day_without_an_answer_becomes_one_phone_task(sessions, nudged):
    assert raise_silences(sessions, NOON + A_DAY) == 1
    assert raise_silences(sessions, NOON + A_DAY) == 0

    with sessions.begin() as db:
        flag = db.scalars(select(Flag)).one()
        assert (flag.kind, flag.level) == ("no_answer", "routine")


def test_before_that_nobody_is_bothered(sessions, nudged):
    assert raise_silences(sessions, NOON + A_DAY - timedelta(minutes=1)) == 0


def test_an_answer_to_either_check_in_is_an_answer(sessions, nudged):
    with sessions.begin() as db:
        checkin = db.scalars(select(Message).where(Message.key == "checkin_96h")).one()
        checkin.answered_at = NOON

    assert raise_silences(sessions, NOON + A_DAY) == 0


def test_a_cancelled_nudge_asks_nobody_to_phone(sessions, nudged):
    with sessions.begin() as db:
        nudge = db.scalars(select(Message).where(Message.key == "nudge_96h")).one()
        nudge.state, nudge.reason = MessageState.CANCELLED, "A newer session took over."

    assert raise_silences(sessions, NOON + A_DAY) == 0


def test_a_patient_who_gets_emails_alone_is_phoned_two_days_after_the_last_question(
    sessions, nudged
):
    with sessions.begin() as db:
        db.delete(db.scalars(select(Message).where(Message.key == "nudge_96h")).one())
        db.scalars(select(Message)).one().channel = Channel.EMAIL
    asked_at = NOON - A_DAY

    assert raise_silences(sessions, asked_at + A_DAY) == 0
    assert raise_silences(sessions, asked_at + 2 * A_DAY) == 1
    assert raise_silences(sessions, asked_at + 3 * A_DAY) == 0


def test_a_nudge_that_went_by_email_instead_of_by_text_is_one_silence(sessions, nudged):
    with sessions.begin() as db:
        text = db.scalars(select(Message).where(Message.key == "nudge_96h")).one()
        text.state, text.reason = MessageState.REFUSED, "This number is a landline."
        clinic, address = db.get_one(Clinic, text.clinic_id), db.get_one(Address, text.address_id)
        about = {"patient_id": text.patient_id, "session_id": text.session_id}
        went = {"state": MessageState.ACCEPTED, "reason": "taken", "channel": Channel.EMAIL}
        a_message(db, clinic, address, key="nudge_96h", send_at=NOON, **about, **went)

    assert raise_silences(sessions, NOON + A_DAY) == 1
    assert raise_silences(sessions, NOON + A_DAY) == 0


def test_silence_by_email_is_noticed_also_after_a_stop_to_the_texts(sessions, nudged):
    with sessions.begin() as db:
        nudge = db.scalars(select(Message).where(Message.key == "nudge_96h")).one()
        nudge.state, nudge.reason = MessageState.CANCELLED, "opted out"
        clinic, address = db.get_one(Clinic, nudge.clinic_id), db.get_one(Address, nudge.address_id)
        about = {"patient_id": nudge.patient_id, "session_id": nudge.session_id}
        went = {"state": MessageState.ACCEPTED, "reason": "taken", "channel": Channel.EMAIL}
        a_message(db, clinic, address, key="checkin_96h", send_at=NOON - A_DAY, **about, **went)

    assert raise_silences(sessions, NOON) == 0
    assert raise_silences(sessions, NOON + A_DAY) == 1
    assert raise_silences(sessions, NOON + A_DAY) == 0
