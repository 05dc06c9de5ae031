"""Who is known at a number, and what a new card takes over from last time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.values import Channel
from service.pathway.stopping import PatientNotFound
from service.store import audit
from service.store.patients import (
    Address,
    Consent,
    Patient,
    address_of,
    consent_of,
    patient_of,
    patients_at,
)
from service.store.records import subject_of
from service.store.sessions import TreatmentSession, sessions_of_patient


@dataclass(frozen=True)
class Known:
    """A patient who was here before; `last` is their newest session."""

    patient: Patient
    phone: str | None
    email: str | None
    consent: Consent | None
    last: TreatmentSession | None


def known_at(db: Session, clinic_id: UUID, phone: str, *, by: str, now: datetime) -> list[Known]:
    """Return everyone of the clinic who is written to at a number (E.164): a family may share it.

    Their names are shown, so the look is written down for each of them.
    """
    address = address_of(db, clinic_id, Channel.SMS, phone)
    if address is None:
        return []
    found = [patient for patient in patients_at(db, address.id) if patient.clinic_id == clinic_id]
    return [_known(db, patient, by, now) for patient in found]


def known_patient(
    db: Session, clinic_id: UUID, patient_id: UUID, *, by: str, now: datetime
) -> Known:
    """Return one patient as a new card takes them over; raises `PatientNotFound`."""
    patient = patient_of(db, clinic_id, patient_id)
    if patient is None or patient.erased_at is not None:
        raise PatientNotFound
    return _known(db, patient, by, now)


def _known(db: Session, patient: Patient, by: str, now: datetime) -> Known:
    audit.record(
        db,
        clinic_id=patient.clinic_id,
        at=now,
        actor=by,
        action="patient_read",
        subject=subject_of(patient),
        on="card",
    )
    sessions = sessions_of_patient(db, patient.clinic_id, patient.id)
    return Known(
        patient=patient,
        phone=_value(db, patient.phone_address_id),
        email=_value(db, patient.email_address_id),
        consent=consent_of(db, patient.id),
        last=sessions[0] if sessions else None,
    )


def _value(db: Session, address_id: UUID | None) -> str | None:
    return db.get_one(Address, address_id).value if address_id else None
