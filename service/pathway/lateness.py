"""A planned message whose window has passed: it moves to its next window, or is told to people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.deadlines import flag_deadline, next_opening
from service.domain.values import FlagState, Level, MessageKind, MessageState
from service.pathway.timing import open_window
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message

TOO_LATE = "Not sent: it would have come too late to be useful."


def judge_again(db: Session, message: Message, now: datetime) -> None:
    """Decide what becomes of a planned message that can no longer go out in its window.

    A check-in moves to its next window; past its horizon it becomes a phone task. Everything else
    is skipped: sent in its time or not at all (`reliability` T4, T5).
    """
    if message.kind is not MessageKind.CHECKIN:
        message.state, message.reason = MessageState.SKIPPED, TOO_LATE
        return
    if not _moved_to_next_window(db, message, now):
        message.state, message.reason = MessageState.SKIPPED, TOO_LATE
        _ask_for_a_call(db, message, now)


def _moved_to_next_window(db: Session, message: Message, now: datetime) -> bool:
    window = open_window(db, message, now)
    if window is None:
        return False
    message.send_at, message.send_before = window
    message.reason = "Moved: it could not be sent in its first window."
    return True


def _ask_for_a_call(db: Session, message: Message, now: datetime) -> None:
    clinic = db.get_one(Clinic, message.clinic_id)
    db.add(
        Flag(
            clinic_id=message.clinic_id,
            patient_id=message.patient_id,
            session_id=message.session_id,
            message_id=message.id,
            kind="task",
            level=Level.ROUTINE,
            categories=[message.key],
            reason="A check-in could not be sent in time: phone the patient.",
            raised_at=now,
            due_at=flag_deadline(Level.ROUTINE, now, clinic.facts()),
            state=FlagState.OPEN,
            escalate_at=next_opening(now, clinic.facts()),
        )
    )
