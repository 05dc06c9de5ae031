"""Erasure: who it was is gone from every table and page, and the opt-out is still kept."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from service.domain.outcomes import Refused
from service.domain.values import (
    CallOutcome,
    Channel,
    Consents,
    FlagState,
    HeatIcePlan,
    Language,
    Level,
    MessageState,
    TriggerPoints,
)
from service.pathway.callbacks import record_call
from service.pathway.enrolment import NewPatient, NewSession, enrol
from service.pathway.erasure import ERASED, FlagsStillOpen, erase
from service.pathway.optouts import opt_out
from service.pathway.questions import act_on_silence
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.engine import empty_write_ahead_log
from service.store.flags import Call, Flag
from service.store.messages import Message
from service.store.patients import Address, Patient, address_of
from service.store.replies import Reply
from service.store.sessions import TreatmentSession
from service.store.tables import metadata
from tests.doubles import RecordingGateway
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    EMERGENCY,
    OK,
    PHONE,
    ROUTINE,
    a_message,
    a_patient,
    a_sent_checkin,
    a_session,
    a_text,
    rules_that_read,
)
from tests.pathway.test_dispatch import a_dispatcher

A_VISIT = NewSession(
    external_id=None,
    patient=NewPatient(
        first_name="Ana",
        phone=PHONE,
        email=None,
        language=Language.EN,
        time_zone=None,
        channel=Channel.SMS,
        consents=Consents(sms=True, email=False),
    ),
    ended_at=NOON,
    regions=("low_back",),
    baseline_pain=None,
    first_session=False,
    trigger_points=TriggerPoints.LOW,
    plan=HeatIcePlan.EITHER,
    move_plan=None,
)
WORDS = "my hand is numb, this is Ana Canary"


@pytest.fixture
def ana(sessions):
    """A patient with a planned and a sent text, a reply, a closed flag and a call's note."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        patient.health_flags = ["blood_thinner"]
        session = a_session(db, patient)
        session.external_id, session.move_plan = "visit-canary-881", "roll the canary"
        a_sent_checkin(db, session, patient)
        a_message(db, session, patient, "checkin_96h", slots={"move_text": "roll the canary"})
        receive(db, clinic, a_text(WORDS), rules_that_read(ROUTINE))
        flag = db.scalars(select(Flag)).one()
        record_call(db, clinic.id, flag.id, CallOutcome.ADVISED, "Canary said", "Kim", NOON)
        return patient.id


def forget(sessions, patient_id, *, force=False):
    with sessions.begin() as db:
        clinic_id = db.get_one(Patient, patient_id).clinic_id
        return erase(db, clinic_id, patient_id, force=force, by="desk", now=NOON)


def every(sessions, table):
    with sessions() as db:
        return list(db.scalars(select(table)))


def sealed_values(sessions):
    """Every sealed value that is stored, as its bytes, with the column it is in."""
    found = {}
    with sessions() as db:
        for table in metadata.sorted_tables:
            if table.name in ("staff", "clinic"):
                continue
            for column in table.columns:
                if type(column.type).__name__ in ("Sealed", "SealedJSON"):
                    rows = db.execute(text(f"SELECT {column.name} FROM {_quoted(table.name)}"))
                    found |= {bytes(row[0]): str(column) for row in rows if row[0] is not None}
    return found


def _quoted(name):
    return f'"{name}"'


def test_no_sealed_value_of_the_patient_is_left(sessions, ana):
    assert len(sealed_values(sessions)) >= 7

    forget(sessions, ana)

    assert sealed_values(sessions) == {}
    assert [session.external_id for session in every(sessions, TreatmentSession)] == [None]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_database_file_and_its_log_hold_no_byte_of_it(engine, sessions, ana):
    before = [*sealed_values(sessions), b"visit-canary-881"]
    path = Path(engine.url.database)
    assert all(value in _files(path) for value in before)

    forget(sessions, ana)
    assert empty_write_ahead_log(engine)

    left = _files(path)
    assert [value for value in before if value in left] == []


def _files(path: Path) -> bytes:
    return b"".join(found.read_bytes() for found in sorted(path.parent.glob(f"{path.name}*")))


def test_what_was_planned_is_cancelled_and_what_was_sent_stays_told(sessions, ana):
    forget(sessions, ana)

    told = {message.key: (message.state, message.reason) for message in every(sessions, Message)}
    assert told["checkin_96h"] == (MessageState.CANCELLED, ERASED)
    assert told["checkin_48h"] == (MessageState.DELIVERED, "delivered")


def test_the_history_leads_to_no_number(sessions, ana):
    forget(sessions, ana)

    with sessions() as db:
        clinic_id = db.get_one(Patient, ana).clinic_id
        kept = address_of(db, clinic_id, Channel.SMS, PHONE)
    assert kept.id not in {row.address_id for row in every(sessions, Message)}
    assert kept.id not in {row.address_id for row in every(sessions, Reply)}


def test_consent_and_audit_stay(sessions, ana):
    forget(sessions, ana)

    assert "patient_erased" in [entry.action for entry in every(sessions, AuditEntry)]
    assert [call.outcome for call in every(sessions, Call)] == [CallOutcome.ADVISED]


def test_erasing_twice_changes_nothing(sessions, ana):
    first = forget(sessions, ana)

    again = forget(sessions, ana)

    assert again.patient.erased_at == first.patient.erased_at
    assert again.cancelled == 0


def test_an_open_flag_stops_it(sessions, ana):
    with sessions.begin() as db:
        receive(
            db, db.scalars(select(Clinic)).one(), a_text("help", "SM2"), rules_that_read(EMERGENCY)
        )

    with pytest.raises(FlagsStillOpen):
        forget(sessions, ana)

    assert every(sessions, Patient)[0].first_name == "Ana"


def test_who_forces_it_has_the_flag_and_it_still_waits_for_a_person(sessions, ana):
    with sessions.begin() as db:
        receive(
            db, db.scalars(select(Clinic)).one(), a_text("help", "SM2"), rules_that_read(EMERGENCY)
        )

    erased = forget(sessions, ana, force=True)

    flag = next(flag for flag in every(sessions, Flag) if flag.level is Level.EMERGENCY)
    assert [one.id for one in erased.open_flags] == [flag.id]
    assert (flag.state, flag.owner, flag.escalate_at) == (FlagState.OWNED, "desk", None)
    assert sealed_values(sessions) == {}


def test_a_text_on_the_wire_can_still_be_settled_by_its_receipt_alone(sessions, ana):
    with sessions.begin() as db:
        message = db.scalars(select(Message).where(Message.key == "checkin_96h")).one()
        message.state, message.claim_token = MessageState.CLAIMED, message.id
        message.claimed_at = message.lease_until = NOON

    forget(sessions, ana)

    flying = next(one for one in every(sessions, Message) if one.key == "checkin_96h")
    assert (flying.state, flying.ask_at, flying.claim_token) == (MessageState.UNKNOWN, None, None)


def test_a_send_that_fails_after_the_erasure_is_not_tried_again(sessions, ana):
    with sessions.begin() as db:
        db.scalars(select(Clinic)).one().segments_per_second = 100.0
    busy = Refused(20429, "too many requests", retry_after=0.0)
    asyncio.run(_erased_while_sending(sessions, ana, RecordingGateway(answer=lambda _: busy)))

    flying = next(one for one in every(sessions, Message) if one.key == "checkin_96h")
    assert flying.state is MessageState.UNKNOWN
    assert flying.reason.endswith(ERASED)


async def _erased_while_sending(sessions, patient_id, gateway):
    gateway.gate = asyncio.Event()
    dispatcher = a_dispatcher(sessions, gateway)
    sending = asyncio.create_task(dispatcher.send_what_is_due())
    await gateway.reached.wait()
    await asyncio.to_thread(forget, sessions, patient_id)
    gateway.gate.set()
    await sending


def test_a_session_that_is_just_being_enrolled_is_erased_too(sessions, ana):
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        session = enrol(db, clinic, A_VISIT, by="room 2", now=NOON)
        erasing = threading.Thread(target=forget, args=(sessions, ana))
        erasing.start()
        erasing.join(0.2)
        assert erasing.is_alive(), "it waits for the enrolment"
    erasing.join(10)

    assert session.patient_id == ana
    assert MessageState.PLANNED not in {message.state for message in every(sessions, Message)}
    assert every(sessions, Patient)[0].erased_at == NOON


def test_what_was_asked_back_is_owed_to_nobody_afterwards(sessions, ana):
    with sessions.begin() as db:
        db.scalars(select(Reply)).one().act_at = NOON

    forget(sessions, ana)

    assert act_on_silence(sessions, rules_that_read(ROUTINE), NOON) == 0


def test_an_opt_out_outlives_the_record(sessions, ana):
    with sessions.begin() as db:
        opt_out(db, db.scalars(select(Address)).one(), "text", NOON)
    # The calls that the opt-out asked for are given up with the record.
    forget(sessions, ana, force=True)

    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        reply = receive(db, clinic, a_text("me again", "SM3"), rules_that_read(OK))

        assert "unknown_sender" in reply.categories
        assert reply.patient_id is None
        assert reply.answer == "none"
        assert db.get_one(Address, reply.address_id).opted_out_at == NOON
        assert [flag.categories for flag in db.scalars(select(Flag)) if not flag.patient_id]


def test_a_relative_on_the_same_phone_keeps_the_number(sessions, ana):
    with sessions.begin() as db:
        ben = a_patient(db, db.scalars(select(Clinic)).one())
        ben.first_name, ben.created_at = "Ben", NOON + timedelta(days=1)

    forget(sessions, ana)

    with sessions() as db:
        kept = db.get_one(Address, db.get_one(Patient, ben.id).phone_address_id)
    assert kept.value == PHONE
