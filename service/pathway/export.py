"""Export: everything held about one patient, gathered for whoever may have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.emails import EmailLinks
from service.domain.slots import MissingSlot
from service.domain.values import Channel
from service.pathway.composing import email_of, text_of
from service.pathway.stopping import PatientNotFound
from service.store import audit
from service.store.audit import AuditEntry
from service.store.clinics import Clinic, Staff
from service.store.flags import Notice
from service.store.messages import Message
from service.store.patients import patient_of
from service.store.records import (
    Record,
    audit_of,
    messages_by_id,
    record_of,
    staff_by_id,
    subject_of,
)

_NO_LINKS = EmailLinks(*(["[a link that was the patient's own]"] * 3))
"""A link in an export would still open the patient's page for whoever reads it."""


@dataclass(frozen=True)
class Told:
    """A notice to staff of this patient's flag: who was told, and whether it arrived."""

    notice: Notice
    staff: Staff
    message: Message


@dataclass(frozen=True)
class Export:
    """A patient's record. `texts` has the words of each message, where they can be made again."""

    record: Record
    texts: Mapping[UUID, str]
    told: tuple[Told, ...]
    audit: tuple[AuditEntry, ...]


def export(db: Session, clinic: Clinic, patient_id: UUID, *, by: str, now: datetime) -> Export:
    """Gather a patient's record; the reading itself is an audit entry, and in the export.

    Raises `PatientNotFound`.
    """
    patient = patient_of(db, clinic.id, patient_id)
    if patient is None:
        raise PatientNotFound
    audit.record(
        db,
        clinic_id=clinic.id,
        at=now,
        actor=by,
        action="patient_exported",
        subject=subject_of(patient),
    )
    db.flush()
    record = record_of(db, patient)
    return Export(
        record=record,
        texts=_texts(record, clinic),
        told=_told(db, record),
        audit=tuple(audit_of(db, record)),
    )


def _texts(record: Record, clinic: Clinic) -> dict[UUID, str]:
    """The words each message had: its wording is pinned, and its blanks are kept beside it."""
    zone = ZoneInfo(clinic.time_zone)
    texts = {}
    for message in record.messages:
        try:
            texts[message.id] = _words(message, clinic, zone)
        except MissingSlot:
            continue  # Its blanks were erased, or are not known yet.
    return texts


def _words(message: Message, clinic: Clinic, zone: ZoneInfo) -> str:
    if message.channel is Channel.SMS:
        return text_of(message, clinic, zone).text
    email = email_of(message, clinic, zone, _NO_LINKS)
    return f"{email.subject}\n\n{email.text}"


def _told(db: Session, record: Record) -> tuple[Told, ...]:
    staff = staff_by_id(db, (notice.staff_id for notice in record.notices))
    messages = messages_by_id(db, (notice.message_id for notice in record.notices))
    return tuple(
        Told(notice, staff[notice.staff_id], messages[notice.message_id])
        for notice in record.notices
    )
