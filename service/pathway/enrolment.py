"""Enrol: a needling session is recorded, and its aftercare planned, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from service.domain.planning import plan_messages
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.values import (
    Channel,
    Consents,
    HealthFlag,
    HeatIcePlan,
    Language,
    MessageKind,
    MessageState,
    Plan,
    PlannedMessage,
    SessionState,
    TriggerPoints,
    lane_of,
)
from service.pathway import staff_tasks
from service.store import audit
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.messages import MESSAGES, Message, end_all, planned_of_session
from service.store.patients import Address, Consent, Patient, address_for, facts_of, patients_at
from service.store.sessions import (
    TreatmentSession,
    session_by_external_id,
    session_of,
    sessions_of_patient,
)

OPTED_OUT = "The patient asked for no more messages here: phone on day 2 and day 4."
CANNOT_RECEIVE = "This address cannot receive messages: phone on day 2 and day 4."
STOPPED = "Staff stopped all messages to this patient."
SUPERSEDED = "A newer session took over."


class SessionNotFound(Exception):
    """The clinic has no such session."""


class NothingToCancel(Exception):
    """The session's aftercare has ended already."""


@dataclass(frozen=True)
class NewPatient:
    """A patient as the therapist gave them; phone in E.164, email normalised, both checked."""

    first_name: str
    phone: str | None
    email: str | None
    language: Language
    time_zone: str | None
    channel: Channel
    consents: Consents
    health_flags: frozenset[HealthFlag] = frozenset()
    guardian: bool = False


@dataclass(frozen=True)
class NewSession:
    """A session as the therapist gave it, checked."""

    external_id: str | None
    patient: NewPatient
    ended_at: datetime
    regions: tuple[str, ...]
    baseline_pain: int | None
    first_session: bool
    trigger_points: TriggerPoints
    plan: HeatIcePlan
    move_plan: str | None


def enrol(
    db: Session, clinic: Clinic, new: NewSession, *, by: str, now: datetime
) -> TreatmentSession:
    """Record a session and plan its messages; the same `external_id` returns the first result.

    An older session's unsent messages are cancelled: the newer one takes over
    (`clinical-protocol` D).
    """
    if new.external_id is not None:
        known = session_by_external_id(db, clinic.id, new.external_id)
        if known is not None:
            return known
    addresses = _addresses(db, clinic, new.patient, now)
    patient = _patient(db, clinic, new.patient, addresses, now)
    consent = _consent(db, patient, new.patient.consents, by, now)
    _supersede_older(db, patient, now, by)
    session = _session(db, clinic, patient, new, by, now)
    plan = plan_messages(
        session.facts(),
        facts_of(patient, consent),
        clinic.facts(),
        load_protocol(session.protocol_version),
        saved_at=now,
        welcomed=patient.welcomed_at is not None,
    )
    _save_plan(db, session, patient, addresses, plan, now)
    for task in plan.tasks:
        staff_tasks.raise_task(db, session, task, clinic.facts(), now)
    if not all(address.may_receive() for address in addresses.values()):
        _owe_calls_instead(db, session, now)
    if any(message.key == "welcome" for message in plan.messages):
        patient.welcomed_at = patient.welcomed_at or now
    audit.record(
        db,
        clinic_id=clinic.id,
        at=now,
        actor=by,
        action="enrolled",
        subject=f"treatment_session:{session.id}",
        messages=len(plan.messages),
        protocol=plan.protocol_version,
    )
    db.flush()
    return session


def cancel(
    db: Session, clinic_id: UUID, session_id: UUID, *, reason: str, by: str, now: datetime
) -> TreatmentSession:
    """End a session's aftercare: what is still planned is cancelled with the reason.

    Raises `SessionNotFound` and `NothingToCancel`.
    """
    session = session_of(db, clinic_id, session_id)
    if session is None:
        raise SessionNotFound
    if session.state is not SessionState.ACTIVE:
        raise NothingToCancel
    session.state, session.state_reason = SessionState.CANCELLED, reason
    count = end_all(planned_of_session(db, session.id), MessageState.CANCELLED, reason)
    audit.record(
        db,
        clinic_id=clinic_id,
        at=now,
        actor=by,
        action="session_cancelled",
        subject=f"treatment_session:{session.id}",
        messages=count,
    )
    db.flush()
    return session


def _addresses(
    db: Session, clinic: Clinic, new: NewPatient, now: datetime
) -> dict[Channel, Address]:
    given = {Channel.SMS: new.phone, Channel.EMAIL: new.email}
    return {
        channel: address_for(db, clinic.id, channel, value, now, lock=True)
        for channel, value in given.items()
        if value is not None
    }


def _patient(
    db: Session,
    clinic: Clinic,
    new: NewPatient,
    addresses: dict[Channel, Address],
    now: datetime,
) -> Patient:
    """Return the patient known at one of these addresses by this name, brought up to date."""
    patient = patient_named(db, addresses.values(), new.first_name)
    if patient is None:
        patient = Patient(clinic_id=clinic.id, created_at=now)
        db.add(patient)
    patient.first_name = new.first_name
    patient.language = new.language
    patient.time_zone = new.time_zone
    patient.channel = new.channel
    patient.health_flags = sorted(new.health_flags) or None
    patient.guardian = new.guardian
    if Channel.SMS in addresses:
        patient.phone_address_id = addresses[Channel.SMS].id
    if Channel.EMAIL in addresses:
        patient.email_address_id = addresses[Channel.EMAIL].id
    db.flush()
    return patient


def patient_named(db: Session, addresses: Iterable[Address], first_name: str) -> Patient | None:
    """Return who is known by this name at one of these addresses, or None."""
    # A number can be shared by a family, so the name decides who of them it is.
    wanted = first_name.strip().casefold()
    for address in addresses:
        for patient in patients_at(db, address.id):
            if patient.first_name is not None and patient.first_name.strip().casefold() == wanted:
                return patient
    return None


def _consent(db: Session, patient: Patient, given: Consents, by: str, now: datetime) -> Consent:
    consent = Consent(
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        sms=given.sms,
        email=given.email,
        details=given.details,
        recorded_at=now,
        recorded_by=by,
        wording_version=CURRENT_VERSION,
    )
    db.add(consent)
    return consent


def _session(
    db: Session, clinic: Clinic, patient: Patient, new: NewSession, by: str, now: datetime
) -> TreatmentSession:
    session = TreatmentSession(
        id=new_id(),
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        external_id=new.external_id,
        ended_at=new.ended_at,
        regions=list(new.regions),
        baseline_pain=new.baseline_pain,
        first_session=new.first_session,
        trigger_points=new.trigger_points,
        plan=new.plan,
        move_plan=new.move_plan,
        protocol_version=clinic.protocol_version or CURRENT_VERSION,
        state=SessionState.ACTIVE,
        created_by=by,
        created_at=now,
    )
    db.add(session)
    db.flush()
    return session


def _supersede_older(db: Session, patient: Patient, now: datetime, by: str) -> None:
    for older in sessions_of_patient(db, patient.clinic_id, patient.id):
        if older.state is not SessionState.ACTIVE:
            continue
        older.state, older.state_reason = SessionState.SUPERSEDED, SUPERSEDED
        count = end_all(planned_of_session(db, older.id), MessageState.CANCELLED, SUPERSEDED)
        audit.record(
            db,
            clinic_id=patient.clinic_id,
            at=now,
            actor=by,
            action="session_superseded",
            subject=f"treatment_session:{older.id}",
            messages=count,
        )


def _save_plan(
    db: Session,
    session: TreatmentSession,
    patient: Patient,
    addresses: dict[Channel, Address],
    plan: Plan,
    now: datetime,
) -> None:
    rows = [
        _row(session, patient, addresses[planned.channel], planned, now)
        for planned in plan.messages
    ]
    if rows:
        # Through the mapper it would be a statement for each set of columns that are filled.
        db.connection().execute(insert(MESSAGES), rows)


def _row(
    session: TreatmentSession,
    patient: Patient,
    address: Address,
    planned: PlannedMessage,
    now: datetime,
) -> dict[str, object]:
    state, reason = fate(planned, patient, address)
    return {
        "id": new_id(),
        "clinic_id": session.clinic_id,
        "address_id": address.id,
        "patient_id": patient.id,
        "session_id": session.id,
        "key": planned.key,
        "kind": planned.kind,
        "lane": int(lane_of(planned.kind)),
        "channel": planned.channel,
        "wording": planned.wording,
        "language": patient.language,
        "protocol_version": session.protocol_version,
        "slots": dict(planned.slots) or None,
        "due_at": planned.due_at,
        "send_at": planned.send_at,
        "send_before": planned.send_before,
        "useful_until": planned.useful_until,
        "state": state,
        "reason": reason,
        "created_at": now,
    }


def fate(
    planned: PlannedMessage, patient: Patient, address: Address
) -> tuple[MessageState, str | None]:
    """What becomes of a planned message, given what is known of its patient and address."""
    if planned.state is not MessageState.PLANNED:
        return planned.state, planned.reason
    if not patient.in_care():
        return MessageState.SKIPPED, STOPPED
    if address.may_receive():
        return planned.state, planned.reason
    opted_out = address.opted_out_at is not None
    return MessageState.SKIPPED, OPTED_OUT if opted_out else CANNOT_RECEIVE


def _owe_calls_instead(db: Session, session: TreatmentSession, now: datetime) -> None:
    """Where an address takes no messages, people phone on day 2 and day 4 (D)."""
    skipped = db.scalars(
        select(Message).where(
            Message.session_id == session.id,
            Message.kind == MessageKind.CHECKIN,
            Message.state == MessageState.SKIPPED,
        )
    ).all()
    instead = {OPTED_OUT: staff_tasks.OPTED_OUT, CANNOT_RECEIVE: staff_tasks.CANNOT_RECEIVE}
    for reason, why in instead.items():
        staff_tasks.owe_calls(db, [one for one in skipped if one.reason == reason], why, now)
