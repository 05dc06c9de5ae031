"""What a reply makes needless of the plan, or moves: nudges, the closing message, tips."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.domain.planning import zone_of
from service.domain.protocol import load_protocol
from service.domain.replanning import (
    Dropped,
    Moved,
    Stays,
    cancelled_by_answer,
    move_tip_after_answer,
)
from service.domain.values import MessageKind, MessageState
from service.pathway.correspondents import Correspondent
from service.store.base import spelled
from service.store.clinics import Clinic
from service.store.messages import Message, end_all
from service.store.patients import Patient, consent_of, facts_of
from service.store.sessions import TreatmentSession

ANSWERED = "The patient answered."
HEARD_FROM = "The patient wrote to us."

_PLAN_OF = (
    select(Message)
    .where(
        Message.session_id == bindparam("session"),
        (Message.state == spelled(MessageState.PLANNED))
        | (Message.kind == spelled(MessageKind.CHECKIN)),
    )
    .order_by(Message.id)
    .with_for_update()
)


def follow_in_plan(
    db: Session, clinic: Clinic, who: Correspondent, now: datetime, *, answered: bool
) -> None:
    """Let what is planned follow a reply; `answered` says whether it answers the check-in asked.

    An answered check-in is so on every channel, and what asks for the answer again is cancelled.
    The message that says we heard nothing is, too, and tips do not interrupt.
    """
    plan = _Locked(db)
    if answered and who.checkin and who.checkin.session_id:
        _settle(who.checkin, plan.of(who.checkin.session_id), now)
    if who.patient and who.session:
        _heed(db, clinic, who.patient, who.session, plan.of(who.session.id), now)


class _Locked:
    """The check-ins of a session and what of it is still planned, locked; each session once."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._held: dict[UUID, list[Message]] = {}

    def of(self, session_id: UUID) -> list[Message]:
        if session_id not in self._held:
            self._held[session_id] = list(self._db.scalars(_PLAN_OF, {"session": session_id}))
        return self._held[session_id]


def _settle(checkin: Message, plan: list[Message], now: datetime) -> None:
    needless = cancelled_by_answer(checkin.key, load_protocol(checkin.protocol_version))
    for message in plan:
        if message.key == checkin.key and message.answered_at is None:
            message.answered_at = now
    asks_again = [one for one in plan if one.key in {checkin.key, *needless}]
    end_all(_planned(asks_again), MessageState.CANCELLED, ANSWERED)


def _heed(
    db: Session,
    clinic: Clinic,
    patient: Patient,
    session: TreatmentSession,
    plan: list[Message],
    now: datetime,
) -> None:
    protocol = load_protocol(session.protocol_version)
    closing = {
        step.key
        for step in protocol.steps
        if step.cancelled_by and step.kind is MessageKind.REMINDER
    }
    planned = _planned(plan)
    end_all([one for one in planned if one.key in closing], MessageState.CANCELLED, HEARD_FROM)
    tips = [one for one in planned if one.kind is MessageKind.TIP]
    consent = consent_of(db, patient.id) if tips else None
    if consent is None:
        return
    facts = clinic.facts()
    zone = zone_of(facts_of(patient, consent), facts)
    for tip in tips:
        match move_tip_after_answer(
            tip.as_planned(), now, protocol=protocol, zone=zone, clinic=facts
        ):
            case Moved(send_at, send_before, reason):
                tip.send_at, tip.send_before, tip.reason = send_at, send_before, reason
            case Dropped(reason):
                end_all([tip], MessageState.SKIPPED, reason)
            case Stays():
                pass


def _planned(messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if message.state is MessageState.PLANNED]
