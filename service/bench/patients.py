"""Invented patients whose check-in went out and waits for an answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from service.bench.databases import Measured, phone
from service.clock import system_now
from service.domain.values import (
    Channel,
    Consents,
    HeatIcePlan,
    Language,
    MessageKind,
    MessageState,
    TriggerPoints,
)
from service.pathway.enrolment import NewPatient, NewSession, enrol
from service.store.clinics import Clinic
from service.store.messages import Message


def await_answers(database: Measured, patients: int) -> None:
    """Enrol patients two days ago, each with a check-in that went out and waits."""
    now = system_now()
    ended_at = now - timedelta(hours=48)
    with database.sessions.begin() as db:
        clinic = db.get_one(Clinic, database.clinic_id)
        for number in range(patients):
            session = enrol(db, clinic, _session(number, ended_at), by="bench", now=ended_at)
            checkin = db.scalars(
                select(Message).where(
                    Message.session_id == session.id, Message.kind == MessageKind.CHECKIN
                )
            ).first()
            if checkin is not None:
                checkin.state, checkin.reason = MessageState.DELIVERED, "It arrived."
                checkin.send_at = checkin.sent_at = now - timedelta(minutes=30)
                checkin.send_before = checkin.useful_until = now + timedelta(hours=8)


def _session(number: int, ended_at: datetime) -> NewSession:
    return NewSession(
        external_id=None,
        patient=NewPatient(
            first_name="Ana",
            phone=phone(number),
            email=None,
            language=Language.EN,
            time_zone=None,
            channel=Channel.SMS,
            consents=Consents(sms=True, email=False, details=False),
        ),
        ended_at=ended_at,
        regions=("calf_foot",),
        baseline_pain=5,
        first_session=True,
        trigger_points=TriggerPoints.MEDIUM,
        plan=HeatIcePlan.EITHER,
        move_plan=None,
    )
