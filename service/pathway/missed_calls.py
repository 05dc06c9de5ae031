"""The text about a call that reached nobody (`clinical-protocol` B, `call_missed`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.values import LANE_REPLY, Language, Level, MessageKind, MessageState
from service.domain.windows import is_allowed, zone_named
from service.pathway.optouts import lock_address
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from service.store.replies import Reply

KEY = "call_missed"
_USEFUL_FOR = timedelta(minutes=30)
"""It says "just"."""
AT_NIGHT = "Not sent: the call was outside the hours for texts."


def writer_of(db: Session, clinic_id: UUID, flag_id: UUID) -> Address | None:
    """Return the address whose message raised the flag, locked; None when no message did.

    It is locked before the flag, as whoever takes in a reply does.
    """
    address_id = db.scalar(
        select(Reply.address_id)
        .join(Flag, Flag.reply_id == Reply.id)
        .where(Flag.id == flag_id, Flag.clinic_id == clinic_id)
    )
    return lock_address(db, address_id) if address_id else None


def say_call_missed(
    db: Session, clinic: Clinic, flag: Flag, writer: Address, now: datetime
) -> None:
    """Plan the text for a locked flag whose patient was rung and not reached."""
    planned = missed_call_text(db, clinic, flag, writer, now)
    if planned is not None:
        db.add(planned)


def missed_call_text(
    db: Session, clinic: Clinic, flag: Flag, writer: Address, now: datetime
) -> Message | None:
    """Return the text about a call that reached nobody, not stored yet; None: there is none.

    Only an emergency's goes out at night; nobody who wants no texts gets one.
    """
    patient = db.get(Patient, flag.patient_id) if flag.patient_id else None
    stopped = patient is not None and not patient.in_care()
    if stopped or not writer.may_receive():
        return None
    zone = zone_named((patient.time_zone if patient else None) or clinic.time_zone)
    courtesy = load_protocol(CURRENT_VERSION).limits.courtesy
    may_go = flag.level is Level.EMERGENCY or is_allowed(now, courtesy, zone)
    return Message(
        clinic_id=clinic.id,
        address_id=writer.id,
        patient_id=flag.patient_id,
        session_id=flag.session_id,
        key=KEY,
        kind=MessageKind.REPLY,
        lane=int(LANE_REPLY),
        channel=writer.channel,
        wording=KEY,
        language=patient.language if patient else Language.EN,
        protocol_version=CURRENT_VERSION,
        due_at=now,
        send_at=now,
        send_before=now + _USEFUL_FOR,
        useful_until=now + _USEFUL_FOR,
        state=MessageState.PLANNED if may_go else MessageState.SKIPPED,
        reason=None if may_go else AT_NIGHT,
        created_at=now,
    )
