"""Staff mark a patient's record (deceased, admitted): all sending to them stops at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import Channel, MessageKind, MessageState, SessionState
from service.pathway.optouts import lock_address
from service.store import audit
from service.store.messages import Message, end_all
from service.store.patients import Patient, locked_patient, patient_of
from service.store.records import addresses_of, subject_of
from service.store.sessions import sessions_of_patient

_ON_THE_WIRE = (MessageState.CLAIMED, MessageState.UNKNOWN)


class PatientNotFound(Exception):
    """The clinic has no such patient."""


@dataclass(frozen=True)
class Stopped:
    """A patient who is sent nothing; `cancelled` messages were still planned until now."""

    patient: Patient
    cancelled: int


def stop(
    db: Session, clinic_id: UUID, patient_id: UUID, *, reason: str, by: str, now: datetime
) -> Stopped:
    """Stop all sending to a patient (`clinical-protocol` D); doing it again changes nothing.

    Later sessions are recorded with every message skipped, until `resume`. Raises
    `PatientNotFound`.
    """
    patient = patient_to_change(db, clinic_id, patient_id)
    if not patient.in_care():
        return Stopped(patient, 0)
    patient.stopped_at = now
    cancelled = end_all_sending(db, patient, reason)
    _note(db, patient, by, "patient_stopped", now, messages=cancelled)
    db.flush()
    return Stopped(patient, cancelled)


def resume(db: Session, clinic_id: UUID, patient_id: UUID, *, by: str, now: datetime) -> Patient:
    """Let a patient's next sessions have messages again; what was cancelled stays cancelled.

    Raises `PatientNotFound`.
    """
    patient = patient_to_change(db, clinic_id, patient_id)
    if patient.stopped_at is not None:
        patient.stopped_at = None
        _note(db, patient, by, "patient_resumed", now)
    db.flush()
    return patient


def patient_to_change(db: Session, clinic_id: UUID, patient_id: UUID) -> Patient:
    """Return the clinic's patient with their addresses and record locked, in that order.

    Claim, opt-out, reply and enrolment lock the address first as well, a number before a mailbox,
    so that none waits on another in a ring. Raises `PatientNotFound`.
    """
    patient = patient_of(db, clinic_id, patient_id)
    if patient is None:
        raise PatientNotFound
    for address in sorted(addresses_of(db, patient), key=lambda one: one.channel is Channel.EMAIL):
        lock_address(db, address.id)
    locked = locked_patient(db, clinic_id, patient_id)
    if locked is None:
        raise PatientNotFound
    return locked


def end_all_sending(db: Session, patient: Patient, reason: str) -> int:
    """End a locked patient's sessions and messages; return how many messages were cancelled.

    A text that is on the wire cannot be called back. Its claim is taken away, so that it can never
    become planned again, and a late receipt still says what became of it.
    """
    for session in sessions_of_patient(db, patient.clinic_id, patient.id):
        if session.state is SessionState.ACTIVE:
            session.state, session.state_reason = SessionState.CANCELLED, reason
    unfinished = db.scalars(
        select(Message)
        .where(
            Message.patient_id == patient.id,
            Message.kind != MessageKind.NOTICE,
            Message.state.in_((MessageState.PLANNED, *_ON_THE_WIRE)),
        )
        .order_by(Message.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for message in unfinished:
        if message.state in _ON_THE_WIRE:
            message.state, message.ask_at = MessageState.UNKNOWN, None
            message.claim_token = message.lease_until = None
            message.reason = f"It may have gone out just before: {reason}"
    planned = [message for message in unfinished if message.state is MessageState.PLANNED]
    return end_all(planned, MessageState.CANCELLED, reason)


def _note(
    db: Session, patient: Patient, by: str, action: str, now: datetime, **detail: int
) -> None:
    audit.record(
        db,
        clinic_id=patient.clinic_id,
        at=now,
        actor=by,
        action=action,
        subject=subject_of(patient),
        **detail,
    )
