"""When a message that could not go out may go out still: in today's window, or in its next one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.protocol import load_protocol
from service.domain.values import MessageKind
from service.domain.windows import closing, next_allowed, zone_named
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Patient


def open_window(db: Session, message: Message, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from when until when the message may go out; None when that is over.

    Only a check-in has another window after its first: everything else is sent in its time or not
    at all (`reliability` T4, T5).
    """
    if now < message.send_before:
        return max(now, message.send_at), message.send_before
    if message.kind is not MessageKind.CHECKIN:
        return None
    window = load_protocol(message.protocol_version).step(message.key).window
    if window is None:
        return None
    patient = db.get(Patient, message.patient_id) if message.patient_id else None
    clinic = db.get_one(Clinic, message.clinic_id)
    zone = zone_named((patient.time_zone if patient else None) or clinic.time_zone)
    send_at = next_allowed(now, window, zone)
    if send_at >= message.useful_until:
        return None
    return send_at, min(closing(send_at, window, zone), message.useful_until)
