"""Builders for what a reply belongs to, and rules whose reading the test decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from service.domain.triage.readings import Answer, Circumstances, Reading
from service.domain.values import (
    Channel,
    Consents,
    HeatIcePlan,
    Language,
    Level,
    MessageKind,
    MessageState,
    SessionState,
    TriggerPoints,
)
from service.pathway.enrolment import NewPatient, NewSession
from service.pathway.replies import Incoming, Rules
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Patient, address_for
from service.store.sessions import TreatmentSession
from tests.make import NOON

PHONE = "+17135550111"

OK = Reading(
    level=Level.OK,
    categories=(),
    score=None,
    opt_out=False,
    findings=(),
    signs=(),
    answer=Answer.OK,
    rules_version="test",
)
EMERGENCY = replace(OK, level=Level.EMERGENCY, categories=("breathing",), answer=Answer.EMERGENCY)
URGENT = replace(OK, level=Level.URGENT, categories=("nerve",), answer=Answer.URGENT)
ROUTINE = replace(OK, level=Level.ROUTINE, categories=("soreness",), answer=Answer.ROUTINE)
STOP = replace(OK, opt_out=True, keyword="stop", answer=Answer.STOP)


def rules_that_read(
    reading: Reading | Callable[[str, Circumstances], Reading], *, is_open: bool = True
) -> Rules:
    """Rules that read every reply as `reading`, or as that function says."""
    return Rules(
        read_reply=reading if callable(reading) else lambda text, around: reading,
        flag_deadline=lambda level, at, clinic: at + timedelta(hours=1 + level.rank),
        call_by=lambda level, at, clinic: at + timedelta(hours=2),
        is_open=lambda at, clinic: is_open,
        next_opening=lambda at, clinic: at + timedelta(hours=12),
        chest_adjacent=lambda regions: False,
        protocol_version=1,
    )


def a_text(body: str, ref: str = "SM1", at: datetime = NOON, **details: Any) -> Incoming:
    """A text from the patient's phone."""
    given: dict[str, Any] = {
        "channel": Channel.SMS,
        "provider": "twilio",
        "provider_ref": ref,
        "sender_address": PHONE,
        "body": body,
        "media": (),
        "received_at": at,
    }
    return Incoming(**(given | details))


def a_new_session(phone: str, ended_at: datetime, **details: Any) -> NewSession:
    """What a therapist enrols: somebody who agreed to texts, needled in the lower leg."""
    given: dict[str, Any] = {
        "external_id": None,
        "patient": NewPatient(
            first_name=f"P{phone[-2:]}",
            phone=phone,
            email=None,
            language=Language.EN,
            time_zone=None,
            channel=Channel.SMS,
            consents=Consents(sms=True, email=False),
        ),
        "ended_at": ended_at,
        "regions": ("calf_foot",),
        "baseline_pain": None,
        "first_session": False,
        "trigger_points": TriggerPoints.LOW,
        "plan": HeatIcePlan.EITHER,
        "move_plan": None,
    }
    return NewSession(**(given | details))


def a_patient(db: Session, clinic: Clinic) -> Patient:
    """A patient who is written to at `PHONE`."""
    address = address_for(db, clinic.id, Channel.SMS, PHONE, NOON)
    patient = Patient(
        clinic_id=clinic.id,
        first_name="Ana",
        language=Language.EN,
        channel=Channel.SMS,
        phone_address_id=address.id,
        created_at=NOON,
    )
    db.add(patient)
    db.flush()
    return patient


def a_session(db: Session, patient: Patient) -> TreatmentSession:
    """A session that ended two days ago."""
    session = TreatmentSession(
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        ended_at=NOON - timedelta(hours=48),
        regions=["low_back"],
        baseline_pain=5,
        first_session=False,
        trigger_points=TriggerPoints.LOW,
        plan=HeatIcePlan.EITHER,
        protocol_version=1,
        state=SessionState.ACTIVE,
        created_by="test",
        created_at=NOON - timedelta(hours=48),
    )
    db.add(session)
    db.flush()
    return session


def a_message(
    db: Session, session: TreatmentSession, patient: Patient, key: str, **details: Any
) -> Message:
    """A planned check-in, unless the test says otherwise."""
    given: dict[str, Any] = {
        "clinic_id": patient.clinic_id,
        "address_id": patient.phone_address_id,
        "patient_id": patient.id,
        "session_id": session.id,
        "key": key,
        "kind": MessageKind.CHECKIN,
        "lane": 1,
        "channel": Channel.SMS,
        "wording": key,
        "language": Language.EN,
        "protocol_version": 1,
        "due_at": NOON,
        "send_at": NOON,
        "send_before": NOON + timedelta(hours=12),
        "useful_until": NOON + timedelta(hours=12),
        "state": MessageState.PLANNED,
        "created_at": NOON - timedelta(hours=48),
    }
    message = Message(**(given | details))
    db.add(message)
    db.flush()
    return message


def a_sent_checkin(
    db: Session, session: TreatmentSession, patient: Patient, key: str = "checkin_48h"
) -> Message:
    """A check-in that went out an hour ago."""
    return a_message(
        db,
        session,
        patient,
        key,
        state=MessageState.DELIVERED,
        reason="delivered",
        sent_at=NOON - timedelta(hours=1),
    )
