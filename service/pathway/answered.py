"""What a reply makes needless of the plan, or moves: nudges, the closing message, tips."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
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
from service.store.clinics import Clinic
from service.store.messages import Message, end_all
from service.store.patients import consent_of, facts_of

ANSWERED = "The patient answered."
HEARD_FROM = "The patient wrote to us."


def settle_checkin(db: Session, who: Correspondent, now: datetime) -> None:
    """Mark the check-in answered on every channel, and cancel what asks for the answer again."""
    if who.checkin is None or who.checkin.session_id is None:
        return
    key = who.checkin.key
    needless = cancelled_by_answer(key, load_protocol(who.checkin.protocol_version))
    same = _locked(db, who.checkin.session_id, {key, *needless})
    for message in same:
        if message.key == key and message.answered_at is None:
            message.answered_at = now
    end_all(_planned(same), MessageState.CANCELLED, ANSWERED)


def heed_writing(db: Session, clinic: Clinic, who: Correspondent, now: datetime) -> None:
    """Cancel the message that says we heard nothing, and keep tips from interrupting."""
    if who.patient is None or who.session is None:
        return
    protocol = load_protocol(who.session.protocol_version)
    closing = {
        step.key
        for step in protocol.steps
        if step.cancelled_by and step.kind is MessageKind.REMINDER
    }
    tips = {step.key for step in protocol.steps if step.kind is MessageKind.TIP}
    planned = _planned(_locked(db, who.session.id, closing | tips))
    end_all([one for one in planned if one.key in closing], MessageState.CANCELLED, HEARD_FROM)
    consent = consent_of(db, who.patient.id)
    if consent is None:
        return
    facts = clinic.facts()
    zone = zone_of(facts_of(who.patient, consent), facts)
    for tip in planned:
        if tip.kind is not MessageKind.TIP:
            continue
        match move_tip_after_answer(
            tip.as_planned(), now, protocol=protocol, zone=zone, clinic=facts
        ):
            case Moved(send_at, send_before, reason):
                tip.send_at, tip.send_before, tip.reason = send_at, send_before, reason
            case Dropped(reason):
                end_all([tip], MessageState.SKIPPED, reason)
            case Stays():
                pass


def _locked(db: Session, session_id: UUID, keys: Iterable[str]) -> list[Message]:
    return list(
        db.scalars(
            select(Message)
            .where(Message.session_id == session_id, Message.key.in_(keys))
            .order_by(Message.id)
            .with_for_update()
        )
    )


def _planned(messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if message.state is MessageState.PLANNED]
