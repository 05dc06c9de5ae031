"""A patient's number was wrong, or takes no texts: staff put another one in its place."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import Channel, MessageKind, MessageState
from service.pathway.optouts import lock_address
from service.pathway.stopping import PatientNotFound
from service.store import audit
from service.store.messages import Message
from service.store.patients import address_for, locked_patient, patient_of


class SameNumber(Exception):
    """The patient has this number already."""


class NumberTakesNoTexts(Exception):
    """The new number opted out here, or is known to take no texts."""


def correct_number(
    db: Session, clinic_id: UUID, patient_id: UUID, phone: str, *, by: str, now: datetime
) -> int:
    """Write to the patient at another number (E.164) from now on; return how many texts moved.

    Only what is still planned moves: what a bad number ended stays ended, and its phone tasks
    stand. Raises `PatientNotFound`, `SameNumber` or `NumberTakesNoTexts`.
    """
    patient = patient_of(db, clinic_id, patient_id)
    if patient is None or not patient.in_care():
        raise PatientNotFound
    old_id = patient.phone_address_id
    new_id = address_for(db, clinic_id, Channel.SMS, phone, now).id
    if new_id == old_id:
        raise SameNumber
    # In one order whatever is exchanged for what: two corrections never wait for one another.
    locked = {
        one: lock_address(db, one) for one in sorted({new_id, old_id} - {None}, key=str) if one
    }
    patient = locked_patient(db, clinic_id, patient_id)
    if patient is None or not patient.in_care() or patient.phone_address_id != old_id:
        raise PatientNotFound
    if not locked[new_id].may_receive():
        raise NumberTakesNoTexts
    patient.phone_address_id = new_id
    moved = db.scalars(
        select(Message)
        .where(
            Message.address_id == old_id,
            Message.patient_id == patient_id,
            Message.state == MessageState.PLANNED,
            Message.kind != MessageKind.NOTICE,
        )
        .with_for_update()
    ).all()
    for message in moved:
        message.address_id = new_id
    audit.record(
        db,
        clinic_id=clinic_id,
        at=now,
        actor=by,
        action="number_corrected",
        subject=f"patient:{patient_id}",
        moved=len(moved),
    )
    return len(moved)
