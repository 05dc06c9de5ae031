"""Deceased or admitted: all sending stops at once, and nobody is told to phone."""

import pytest
from sqlalchemy import select

from service.domain.values import FlagState, MessageState, SessionState
from service.pathway.receipts import record_receipt
from service.pathway.replies import receive
from service.pathway.settling import settle_unknown
from service.pathway.silence import raise_silences
from service.pathway.stopping import PatientNotFound, resume, stop
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Patient
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    ROUTINE,
    a_message,
    a_patient,
    a_session,
    a_text,
    rules_that_read,
)


@pytest.fixture
def care(sessions):
    """A clinic, a patient and their session, as ids."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        return clinic.id, patient.id, a_session(db, patient).id


def owe(sessions, care, key="checkin_48h", **details):
    with sessions.begin() as db:
        patient, session = db.get_one(Patient, care[1]), db.get_one(TreatmentSession, care[2])
        return a_message(db, session, patient, key, **details).id


def stop_now(sessions, care):
    with sessions.begin() as db:
        return stop(db, care[0], care[1], reason="Admitted", by="desk", now=NOON)


def read(sessions, table, row_id):
    with sessions() as db:
        return db.get_one(table, row_id)


def all_of(sessions, table):
    with sessions() as db:
        return list(db.scalars(select(table)))


def test_what_is_planned_is_cancelled_with_the_reason(sessions, care):
    planned = owe(sessions, care)

    stopped = stop_now(sessions, care)

    message = read(sessions, Message, planned)
    assert (message.state, message.reason) == (MessageState.CANCELLED, "Admitted")
    assert stopped.cancelled == 1
    assert read(sessions, TreatmentSession, care[2]).state is SessionState.CANCELLED
    assert read(sessions, Patient, care[1]).stopped_at == NOON


def test_stopping_twice_is_recorded_once(sessions, care):
    stop_now(sessions, care)

    again = stop_now(sessions, care)

    assert again.cancelled == 0
    assert [entry.action for entry in all_of(sessions, AuditEntry)] == ["patient_stopped"]


def test_a_text_on_the_wire_is_never_sent_again_but_its_receipt_still_counts(sessions, care):
    flying = owe(
        sessions,
        care,
        state=MessageState.CLAIMED,
        claim_token=care[1],
        claimed_at=NOON,
        lease_until=NOON,
    )

    stop_now(sessions, care)
    settle_unknown(sessions, None, NOON.replace(day=5))

    message = read(sessions, Message, flying)
    assert (message.state, message.ask_at) == (MessageState.UNKNOWN, None)
    with sessions.begin() as db:
        assert record_receipt(db, flying, "SM1", "delivered", None, NOON)
    assert read(sessions, Message, flying).state is MessageState.DELIVERED


def test_nobody_is_told_to_phone_because_a_text_did_not_arrive(sessions, care):
    sent = owe(sessions, care, state=MessageState.ACCEPTED, reason="taken", provider_ref="SM1")
    stop_now(sessions, care)

    with sessions.begin() as db:
        record_receipt(db, sent, "SM1", "undelivered", 30003, NOON)

    assert all_of(sessions, Flag) == []


def test_silence_is_not_followed_up(sessions, care):
    nudge = {"state": MessageState.DELIVERED, "reason": "delivered", "send_at": NOON}
    owe(sessions, care, "nudge_96h", **nudge)
    stop_now(sessions, care)

    assert raise_silences(sessions, NOON.replace(day=5)) == 0


def test_what_the_family_writes_reaches_a_person_and_gets_no_automatic_answer(sessions, care):
    stop_now(sessions, care)
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, care[0])
        reply = receive(db, clinic, a_text("he is in hospital"), rules_that_read(ROUTINE))

    assert reply.answer == "none"
    assert [flag.state for flag in all_of(sessions, Flag)] == [FlagState.OPEN]
    assert all_of(sessions, Message) == []


def test_a_resumed_patient_may_have_messages_again(sessions, care):
    stop_now(sessions, care)

    with sessions.begin() as db:
        resume(db, care[0], care[1], by="desk", now=NOON)

    assert read(sessions, Patient, care[1]).in_care()


def test_another_clinic_cannot_stop_a_patient(sessions, care):
    with sessions.begin() as db, pytest.raises(PatientNotFound):
        stop(db, care[1], care[1], reason="Admitted", by="desk", now=NOON)
