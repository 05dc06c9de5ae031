"""Builders of what a worker finds: addresses, and messages that are to go out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from service.domain.values import (
    Channel,
    FlagState,
    Language,
    Level,
    MessageKind,
    MessageState,
    lane_of,
)
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from tests.make import NOON


def an_address(
    db: Session, clinic: Clinic, number: str = "+12815550123", **details: Any
) -> Address:
    """A phone number that may be written to."""
    given: dict[str, Any] = {
        "clinic_id": clinic.id,
        "channel": Channel.SMS,
        "lookup_hash": uuid4().bytes,
        "value": number,
        "created_at": NOON,
    }
    address = Address(**(given | details))
    db.add(address)
    db.flush()
    return address


def a_patient_at(db: Session, clinic: Clinic, address: Address) -> Patient:
    """A patient who is written to at `address`."""
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


def a_message(db: Session, clinic: Clinic, address: Address, **details: Any) -> Message:
    """A check-in that is to go out at noon and may until the evening."""
    kind = details.get("kind", MessageKind.CHECKIN)
    send_at: datetime = details.get("send_at", NOON)
    given: dict[str, Any] = {
        "id": new_id(),
        "clinic_id": clinic.id,
        "address_id": address.id,
        "key": "checkin_48h",
        "kind": kind,
        "lane": int(lane_of(kind)),
        "channel": Channel.SMS,
        "wording": "checkin_48h",
        "language": Language.EN,
        "protocol_version": 1,
        "due_at": send_at,
        "send_at": send_at,
        "send_before": send_at + timedelta(hours=8),
        "useful_until": send_at + timedelta(hours=24),
        "state": MessageState.PLANNED,
        "created_at": NOON,
    }
    message = Message(**(given | details))
    db.add(message)
    db.flush()
    return message


def a_flag(db: Session, patient: Patient, level: Level) -> Flag:
    """A flag that nobody has taken yet."""
    flag = Flag(
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        kind="reply",
        level=level,
        categories=[],
        reason="short of breath",
        raised_at=NOON,
        due_at=NOON + timedelta(minutes=15),
        state=FlagState.OPEN,
    )
    db.add(flag)
    db.flush()
    return flag


def stored(sessions: Sessions, message_id: UUID) -> Message:
    """The message as anybody would read it now."""
    with sessions() as db:
        found = db.get(Message, message_id)
    assert found is not None
    return found
