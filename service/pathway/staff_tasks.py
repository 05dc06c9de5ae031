"""Calls that people owe where no message can go (`clinical-protocol` D: STOP, no mobile)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.deadlines import flag_deadline
from service.domain.planning import phone_tasks
from service.domain.protocol import load_protocol
from service.domain.values import ClinicFacts, FlagState, MessageState, StaffTask
from service.store.clinics import Clinic
from service.store.flags import Flag, flags_of_session
from service.store.messages import Message
from service.store.patients import Patient
from service.store.sessions import TreatmentSession

TASK = "task"
OPTED_OUT = "The patient wants no more messages: phone instead of this check-in."
CANNOT_RECEIVE = "No message can reach the patient: phone instead of this check-in."

_ENDED = (
    MessageState.CANCELLED,
    MessageState.SKIPPED,
    MessageState.REFUSED,
    MessageState.UNDELIVERED,
)


def raise_task(
    db: Session, session: TreatmentSession, task: StaffTask, clinic: ClinicFacts, now: datetime
) -> None:
    """Put a task on the staff's list at once; they are told of it when its time comes."""
    db.add(
        Flag(
            clinic_id=session.clinic_id,
            patient_id=session.patient_id,
            session_id=session.id,
            kind=TASK,
            level=task.level,
            categories=[task.key],
            reason=task.reason,
            raised_at=now,
            due_at=max(task.due_at, flag_deadline(task.level, now, clinic)),
            state=FlagState.OPEN,
            alarm_at=task.due_at,
            escalate_at=task.due_at,
        )
    )


def owe_calls(db: Session, checkins: Iterable[Message], reason: str, now: datetime) -> None:
    """Raise a phone task for each of these check-ins that no other channel carries, each once."""
    for message in checkins:
        protocol = load_protocol(message.protocol_version)
        asked = [step for step in protocol.steps if step.key == message.key and step.if_missed]
        if not asked or message.session_id is None or is_carried(db, message):
            continue
        session = db.get_one(TreatmentSession, message.session_id)
        if not db.get_one(Patient, session.patient_id).in_care():
            continue
        known = {key for flag in flags_of_session(db, session.id) for key in flag.categories}
        clinic = db.get_one(Clinic, session.clinic_id).facts()
        for task in phone_tasks(session.facts(), clinic, protocol, now=now, reason=reason):
            if task.key == asked[0].if_missed and task.key not in known:
                raise_task(db, session, task, clinic, now)
        db.flush()


def is_carried(db: Session, message: Message) -> bool:
    """Does another channel ask the same, now or before?"""
    twin = select(Message.id).where(
        Message.session_id == message.session_id,
        Message.key == message.key,
        Message.channel != message.channel,
        Message.state.not_in(_ENDED),
    )
    return db.scalar(twin.limit(1)) is not None
