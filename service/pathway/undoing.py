"""A card was saved by mistake: for five minutes all of it can be taken back that has not gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import MessageState, SessionState
from service.pathway.answered import ANSWERED
from service.pathway.enrolment import SUPERSEDED, SessionNotFound, cancel
from service.pathway.trying_again import was_answered
from service.store import audit
from service.store.audit import AuditEntry
from service.store.messages import Message, messages_of_session
from service.store.patients import Address, Patient
from service.store.sessions import TreatmentSession, session_of, sessions_of_patient

UNDO_WITHIN = timedelta(minutes=5)
UNDONE = "Undone right after it was saved."

_NEVER_LEFT = (MessageState.CANCELLED, MessageState.SKIPPED)


class TooLateToUndo(Exception):
    """The card was saved more than five minutes ago, or its aftercare has ended already."""


@dataclass(frozen=True)
class Undone:
    """What became of an undone card: `gone` messages had left already, or may have."""

    session: TreatmentSession
    gone: tuple[Message, ...]
    resumed: int
    """Messages of the session before that are planned again."""


def can_undo(session: TreatmentSession, now: datetime) -> bool:
    """May this session's card still be undone?"""
    return session.state is SessionState.ACTIVE and now - session.created_at < UNDO_WITHIN


def undo(db: Session, clinic_id: UUID, session_id: UUID, *, by: str, now: datetime) -> Undone:
    """Cancel a session just saved, and go on with the one it took over from.

    The record stays, with its reason: what may have been sent must be explained. Raises
    `SessionNotFound` and `TooLateToUndo`.
    """
    session = session_of(db, clinic_id, session_id)
    if session is None:
        raise SessionNotFound
    if not can_undo(session, now):
        raise TooLateToUndo
    cancel(db, clinic_id, session_id, reason=UNDONE, by=by, now=now)
    gone = tuple(one for one in messages_of_session(db, session_id) if one.state not in _NEVER_LEFT)
    _welcome_again(db, session, gone)
    return Undone(session, gone, _resume_older(db, session, by, now))


def _welcome_again(db: Session, session: TreatmentSession, gone: tuple[Message, ...]) -> None:
    """A welcome that never left is still owed with the next card."""
    patient = db.get_one(Patient, session.patient_id)
    if patient.welcomed_at == session.created_at and not any(
        message.key == "welcome" for message in gone
    ):
        patient.welcomed_at = None


def _resume_older(db: Session, session: TreatmentSession, by: str, now: datetime) -> int:
    """Plan again what was cancelled for this session; return how many messages that are."""
    taken_over = set(
        db.scalars(
            select(AuditEntry.subject).where(
                AuditEntry.clinic_id == session.clinic_id,
                AuditEntry.at == session.created_at,
                AuditEntry.action == "session_superseded",
            )
        )
    )
    resumed = 0
    for older in sessions_of_patient(db, session.clinic_id, session.patient_id):
        if older.state is SessionState.SUPERSEDED and f"treatment_session:{older.id}" in taken_over:
            older.state, older.state_reason = SessionState.ACTIVE, None
            count = _plan_again(db, older)
            audit.record(
                db,
                clinic_id=session.clinic_id,
                at=now,
                actor=by,
                action="session_resumed",
                subject=f"treatment_session:{older.id}",
                messages=count,
            )
            resumed += count
    db.flush()
    return resumed


def _plan_again(db: Session, older: TreatmentSession) -> int:
    count = 0
    for message in messages_of_session(db, older.id):
        superseded = message.state is MessageState.CANCELLED and message.reason == SUPERSEDED
        # What became too late meanwhile is judged by the worker, like all that is late.
        if not superseded or not db.get_one(Address, message.address_id).may_receive():
            continue
        if was_answered(db, message):
            message.reason = ANSWERED
        else:
            message.state, message.reason = MessageState.PLANNED, None
            count += 1
    return count
