"""A card is tried: what would be sent when, and why some of it would not; nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.pathway.enrolment import NewSession, enrol
from service.pathway.message_lines import MessageLine, line_of, zone_of
from service.store.clinics import Clinic
from service.store.flags import flags_of_session
from service.store.messages import messages_of_session
from service.store.patients import patient_of


@dataclass(frozen=True)
class Trial:
    """What would follow from a card: its messages in sending order, and what staff would owe."""

    messages: tuple[MessageLine, ...]
    tasks: tuple[str, ...]


def try_out(db: Session, clinic: Clinic, new: NewSession, *, by: str, now: datetime) -> Trial:
    """Enrol as saving would, look at the plan, and take everything back."""
    trial = db.begin_nested()
    try:
        session = enrol(db, clinic, new, by=by, now=now)
        zone = zone_of(clinic, patient_of(db, clinic.id, session.patient_id))
        return Trial(
            messages=tuple(
                line_of(message, clinic, zone) for message in messages_of_session(db, session.id)
            ),
            tasks=tuple(flag.reason for flag in flags_of_session(db, session.id)),
        )
    finally:
        trial.rollback()
