"""The check-in page: what it shows, and how an answer given on it joins the walk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.protocol import load_protocol
from service.domain.triage.ticks import PageAnswer
from service.domain.values import Language, Level, MessageKind, MessageState, SessionState
from service.pathway.answers import PAGE
from service.pathway.composing import words_of
from service.pathway.optouts import lock_address
from service.pathway.replies import Incoming, receive
from service.pathway.rules import Rules
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Patient
from service.store.replies import Reply, replies_of_page
from service.store.sessions import TreatmentSession

LONGEST_WORDS = 1600
"""Characters, as in the longest text that can come by phone (`reliability` I10)."""


class LinkNamesNothing(Exception):
    """A link of ours, but what it named is erased or was never there."""


class CheckInState(StrEnum):
    """What a check-in's page offers."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Shown:
    """What a page may know of a clinic and its patient: no name, nothing of the treatment."""

    clinic: str
    phone: str
    language: Language
    protocol_version: int


@dataclass(frozen=True)
class CheckInPage:
    """One check-in as its page shows it. `answer` is the protocol's text, once there is one."""

    shown: Shown
    state: CheckInState
    for_child: bool
    answer: str | None = None
    level: Level | None = None
    score: int | None = None
    told: bool = False
    """Something was written here that does not answer the check-in."""


def check_in_page(db: Session, message_id: UUID, now: datetime) -> CheckInPage:
    """Return what the page of this check-in shows; raises `LinkNamesNothing`. Changes nothing."""
    message, patient, clinic = _named(db, message_id)
    replies = replies_of_page(db, _ref(message_id))
    latest = replies[-1] if replies else None
    return CheckInPage(
        shown=Shown(clinic.name, clinic.phone, patient.language, message.protocol_version),
        state=_state(db, message, patient, now, answered=latest is not None),
        for_child=patient.guardian,
        answer=text_shown(db, latest, clinic) if latest else None,
        level=latest.level if latest else None,
        score=latest.score if latest else None,
        told=latest is not None and latest.checkin_id is None,
    )


def answer_check_in(
    db: Session, message_id: UUID, answer: PageAnswer, rules: Rules, now: datetime
) -> None:
    """Store what was answered on a check-in's page, and do all that follows from it.

    The same answer posted twice counts once. Another one is a correction and is read as well,
    also when the check-in has ended: whatever a patient tells us is triaged (`clinical-protocol`
    D). Raises `LinkNamesNothing`.
    """
    message, _, clinic = _named(db, message_id)
    take_in(db, clinic, message.address_id, _ref(message_id), answer, message_id, rules, now)


def take_in(
    db: Session,
    clinic: Clinic,
    address_id: UUID,
    ref: str,
    answer: PageAnswer,
    about: UUID | None,
    rules: Rules,
    now: datetime,
) -> None:
    """Receive what was written on the page `ref`, once; raises `LinkNamesNothing` after erasure."""
    address = lock_address(db, address_id)
    if address.value is None:
        raise LinkNamesNothing
    body = answer.as_text()
    # Locked until the commit: two requests at once see one another here.
    earlier = replies_of_page(db, ref)
    if any(reply.body == body for reply in earlier):
        return
    incoming = Incoming(
        channel=address.channel,
        provider=PAGE,
        provider_ref=f"{ref}:{len(earlier) + 1}" if earlier else ref,
        sender_address=address.value,
        body=body,
        media=(),
        received_at=now,
        about=about,
        page=answer,
    )
    receive(db, clinic, incoming, rules)


def text_shown(db: Session, reply: Reply, clinic: Clinic) -> str | None:
    """Return the protocol's text that answers a reply, as a screen shows it; or None."""
    message = db.scalar(
        select(Message).where(Message.reply_id == reply.id, Message.kind == MessageKind.REPLY)
    )
    return words_of(message, clinic, ZoneInfo(clinic.time_zone)) if message else None


def _ref(message_id: UUID) -> str:
    return f"page:{message_id}"


def _named(db: Session, message_id: UUID) -> tuple[Message, Patient, Clinic]:
    message = db.get(Message, message_id)
    patient = db.get(Patient, message.patient_id) if message and message.patient_id else None
    if message is None or patient is None or patient.erased_at is not None:
        raise LinkNamesNothing
    return message, patient, db.get_one(Clinic, message.clinic_id)


def _state(
    db: Session, message: Message, patient: Patient, now: datetime, *, answered: bool
) -> CheckInState:
    session = db.get(TreatmentSession, message.session_id) if message.session_id else None
    if answered or message.answered_at is not None:
        return CheckInState.ANSWERED
    called_off = message.state in (MessageState.CANCELLED, MessageState.SKIPPED)
    cancelled = session is None or session.state is SessionState.CANCELLED
    if called_off or cancelled or not patient.in_care():
        return CheckInState.WITHDRAWN
    return CheckInState.OPEN if now < _asked_until(message, session) else CheckInState.EXPIRED


def _asked_until(message: Message, session: TreatmentSession | None) -> datetime:
    """A check-in can be answered as long as its question is asked: until its nudge ends (A)."""
    protocol = load_protocol(message.protocol_version)
    following = [step for step in protocol.steps if step.due.following == message.key]
    ends = [step.useful_until.after for step in following if step.useful_until.after]
    if session is None or not ends:
        return message.useful_until
    return max(message.useful_until, session.ended_at + max(ends))
