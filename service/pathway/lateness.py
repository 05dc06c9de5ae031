"""A planned message whose window has passed: it moves to its next window, or is told to people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.protocol import load_protocol
from service.domain.replanning import TOO_LATE, Dropped, Moved, Stays, Verdict, rejudge
from service.domain.values import MessageKind, MessageState
from service.domain.windows import zone_named
from service.pathway.phone_tasks import ask_to_phone
from service.pathway.staff_tasks import TASK, is_carried
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Patient

AUTOMATIC = (MessageKind.REPLY, MessageKind.NOTICE)
"""Kinds that are on no schedule."""


def judge_again(db: Session, message: Message, now: datetime) -> None:
    """Decide what becomes of a planned message that can no longer go out in its window.

    Tips are sent on their day or skipped, everything else on the schedule moves while it is
    useful; a check-in that cannot becomes a phone task (`reliability` T4, T5). Answers and notices
    are sent in their time or not at all.
    """
    if message.kind in AUTOMATIC:
        message.state, message.reason = MessageState.SKIPPED, TOO_LATE
        return
    verdict = verdict_on(db, message, now)
    match verdict:
        case Moved(send_at, send_before, reason):
            message.send_at, message.send_before = send_at, send_before
            message.reason = reason
        case Dropped(reason, task):
            message.state, message.reason = MessageState.SKIPPED, reason
            if task is not None and not is_carried(db, message):
                ask_to_phone(
                    db,
                    message,
                    kind=TASK,
                    category=task.key,
                    reason=task.reason,
                    now=now,
                    tell_at=task.due_at,
                )
        case Stays():
            pass


def verdict_on(db: Session, message: Message, now: datetime) -> Verdict:
    """Return what the protocol makes of a scheduled message that did not go out in its window."""
    clinic = db.get_one(Clinic, message.clinic_id)
    patient = db.get(Patient, message.patient_id) if message.patient_id else None
    return rejudge(
        message.as_planned(),
        now,
        protocol=load_protocol(message.protocol_version),
        zone=zone_named((patient.time_zone if patient else None) or clinic.time_zone),
        clinic=clinic.facts(),
        last_text_at=_last_sent_at(db, message),
    )


def _last_sent_at(db: Session, message: Message) -> datetime | None:
    """When this address last got a message of a plan."""
    return db.scalar(
        select(func.max(Message.sent_at)).where(
            Message.address_id == message.address_id, Message.kind.not_in(AUTOMATIC)
        )
    )
