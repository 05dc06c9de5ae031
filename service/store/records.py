"""All that is held about one patient, whichever table it is in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.domain.values import MessageKind
from service.store.audit import AuditEntry
from service.store.base import HasId
from service.store.clinics import Staff
from service.store.flags import Call, Flag, Notice, calls_of_flags
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient, patients_at
from service.store.replies import Reply
from service.store.sessions import TreatmentSession, sessions_of_patient

_Row = TypeVar("_Row", bound=HasId)

_AT_ONCE = 500
"""Ids in one question: both databases limit how many they take."""


@dataclass(frozen=True)
class Record:
    """One patient's rows, oldest first.

    `own_addresses` are those nobody else is written to at. What came to one of them is the
    patient's, also where it was not tied to anybody.
    """

    patient: Patient
    addresses: tuple[Address, ...]
    own_addresses: tuple[Address, ...]
    consents: tuple[Consent, ...]
    sessions: tuple[TreatmentSession, ...]
    messages: tuple[Message, ...]
    replies: tuple[Reply, ...]
    flags: tuple[Flag, ...]
    calls: tuple[Call, ...]
    notices: tuple[Notice, ...]


def record_of(db: Session, patient: Patient) -> Record:
    """Return everything that belongs to a patient."""
    addresses = addresses_of(db, patient)
    own = tuple(address for address in addresses if _is_theirs_alone(db, address, patient))
    at_own = [address.id for address in own]
    replies = _all(
        db,
        Reply,
        Reply.received_at,
        or_(
            Reply.patient_id == patient.id,
            and_(Reply.patient_id.is_(None), Reply.address_id.in_(at_own)),
        ),
    )
    flags = _all(
        db,
        Flag,
        Flag.raised_at,
        or_(Flag.patient_id == patient.id, Flag.reply_id.in_([reply.id for reply in replies])),
    )
    flag_ids = [flag.id for flag in flags]
    return Record(
        patient=patient,
        addresses=addresses,
        own_addresses=own,
        consents=_all(db, Consent, Consent.recorded_at, Consent.patient_id == patient.id),
        sessions=tuple(reversed(sessions_of_patient(db, patient.clinic_id, patient.id))),
        messages=_all(
            db,
            Message,
            Message.send_at,
            Message.kind != MessageKind.NOTICE,
            or_(
                Message.patient_id == patient.id,
                and_(Message.patient_id.is_(None), Message.address_id.in_(at_own)),
            ),
        ),
        replies=replies,
        flags=flags,
        calls=tuple(calls_of_flags(db, flag_ids)),
        notices=_all(db, Notice, Notice.created_at, Notice.flag_id.in_(flag_ids)),
    )


def addresses_of(db: Session, patient: Patient) -> tuple[Address, ...]:
    """Return where a patient is written to and was before, in a steady order."""
    return _all(
        db,
        Address,
        Address.id,
        or_(
            Address.id.in_([one for one in _linked(patient) if one is not None]),
            Address.id.in_(select(Message.address_id).where(Message.patient_id == patient.id)),
            Address.id.in_(select(Reply.address_id).where(Reply.patient_id == patient.id)),
        ),
    )


def _linked(patient: Patient) -> tuple[UUID | None, UUID | None]:
    return patient.phone_address_id, patient.email_address_id


def audit_of(db: Session, record: Record) -> list[AuditEntry]:
    """Return the audit entries about a patient's rows, oldest first."""
    rows: tuple[Iterable[HasId], ...] = (
        (record.patient,),
        record.addresses,
        record.sessions,
        record.messages,
        record.replies,
        record.flags,
    )
    subjects = [subject_of(row) for table in rows for row in table]
    found: list[AuditEntry] = []
    for start in range(0, len(subjects), _AT_ONCE):
        found += db.scalars(
            select(AuditEntry).where(
                AuditEntry.clinic_id == record.patient.clinic_id,
                AuditEntry.subject.in_(subjects[start : start + _AT_ONCE]),
            )
        )
    return sorted(found, key=lambda entry: (entry.at, entry.id))


def subject_of(row: HasId) -> str:
    """Return how the audit trail names a row."""
    return f"{row.__tablename__}:{row.id}"  # type: ignore[attr-defined]  # every table has one


def staff_by_id(db: Session, ids: Iterable[UUID]) -> dict[UUID, Staff]:
    """Return members of staff, also those whose access has ended."""
    return {person.id: person for person in db.scalars(select(Staff).where(Staff.id.in_(set(ids))))}


def messages_by_id(db: Session, ids: Iterable[UUID]) -> dict[UUID, Message]:
    """Return messages by their ids."""
    return {one.id: one for one in db.scalars(select(Message).where(Message.id.in_(set(ids))))}


def _is_theirs_alone(db: Session, address: Address, patient: Patient) -> bool:
    """Is nobody else written to here: no relative on the same phone, no member of staff?"""
    if any(other.id != patient.id for other in patients_at(db, address.id)):
        return False
    of_staff = select(Message.id).where(
        Message.address_id == address.id, Message.kind == MessageKind.NOTICE
    )
    return db.scalar(of_staff.limit(1)) is None


def _all(
    db: Session, table: type[_Row], order: InstrumentedAttribute[Any], *where: ColumnElement[bool]
) -> tuple[_Row, ...]:
    return tuple(db.scalars(select(table).where(*where).order_by(order, table.id)))
