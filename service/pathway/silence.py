"""Patients who answered neither check-in become phone tasks: silence is never taken for "fine"."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from service.domain.deadlines import next_opening
from service.domain.values import Channel, MessageKind, MessageState, SessionState
from service.pathway.phone_tasks import ask_to_phone
from service.store.base import spelled
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Patient
from service.store.sessions import TreatmentSession

WAIT = timedelta(hours=24)
"""After the last nudge (`clinical-protocol` A, `no_reply_task`)."""
_LAST_NUDGE = "nudge_96h"
_LAST_CHECKIN = "checkin_96h"
_LOOK_BACK = timedelta(days=7)
"""A worker that was away for longer leaves older silences as they are."""

NO_ANSWER = "no_answer"
_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNKNOWN)
_NOT_SENT = (MessageState.PLANNED, MessageState.CLAIMED, MessageState.CANCELLED)


def raise_silences(sessions: Sessions, now: datetime, *, limit: int = 100) -> int:
    """Raise a phone task for each session whose last nudge stayed unanswered; return how many."""
    with sessions.begin() as db:
        # A question that went by text and by email is one silence.
        silences = {last.session_id: last for last in db.scalars(_unanswered(now, limit))}
        for last in silences.values():
            _raise(db, last, now)
        return len(silences)


def _unanswered(now: datetime, limit: int) -> Select[Message]:
    """What last asked a day ago, or should have, with no answer and no task yet.

    That is the last nudge; a patient who gets emails alone has none, or lost it with a STOP to the
    texts, so the last check-in stands for it, a day longer.
    """
    nudge = aliased(Message)
    nudged = exists().where(
        nudge.session_id == Message.session_id,
        nudge.key == _LAST_NUDGE,
        nudge.state != MessageState.CANCELLED,
    )
    goes_on = exists().where(
        TreatmentSession.id == Message.session_id, TreatmentSession.state == SessionState.ACTIVE
    )
    alone = and_(
        goes_on,
        Message.key == _LAST_CHECKIN,
        Message.channel == Channel.EMAIL,
        Message.state.in_(_SENT),
        Message.send_at <= now - 2 * WAIT,
        ~nudged,
    )
    checkin = aliased(Message)
    answered = exists().where(
        checkin.session_id == Message.session_id,
        checkin.kind == MessageKind.CHECKIN,
        checkin.answered_at.is_not(None),
    )
    # Nobody is to phone a patient who died, or whose record was erased.
    gone = exists().where(
        Patient.id == Message.patient_id,
        or_(Patient.stopped_at.is_not(None), Patient.erased_at.is_not(None)),
    )
    known = exists().where(Flag.session_id == Message.session_id, Flag.kind == NO_ANSWER)
    return (
        select(Message)
        .where(
            Message.kind == spelled(MessageKind.CHECKIN),
            Message.answered_at.is_(None),
            or_(Message.key == _LAST_NUDGE, alone),
            Message.send_at <= now - WAIT,
            Message.send_at > now - WAIT - _LOOK_BACK,
            Message.state.not_in(_NOT_SENT),
            ~answered,
            ~known,
            ~gone,
        )
        .order_by(Message.send_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Message)
    )


def _raise(db: Session, nudge: Message, now: datetime) -> None:
    clinic = db.get_one(Clinic, nudge.clinic_id)
    ask_to_phone(
        db,
        nudge,
        kind=NO_ANSWER,
        category="no_reply",
        reason="Neither check-in was answered: phone the patient.",
        now=now,
        # A task for business hours: nobody is told of it at night.
        tell_at=next_opening(now, clinic.facts()),
    )
