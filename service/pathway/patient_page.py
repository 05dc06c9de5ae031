"""The patient's own page: what is sent when, and what a patient may choose there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION
from service.domain.slots import MissingSlot, spoken_time
from service.domain.triage.ticks import PageAnswer
from service.domain.values import Channel, Language, MessageKind, MessageState, SessionState
from service.domain.wording import UnknownText
from service.pathway.composing import words_of
from service.pathway.page_answers import (
    CheckInState,
    LinkNamesNothing,
    Shown,
    check_in_page,
    take_in,
    text_shown,
)
from service.pathway.rules import Rules
from service.store import audit
from service.store.clinics import Clinic
from service.store.messages import Message, messages_of_session
from service.store.patients import Address, Patient, consent_of
from service.store.replies import replies_of_page
from service.store.sessions import TreatmentSession, sessions_of_patient

ACTOR = "patient"
_LAST_DAY = 4
_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED)
_AHEAD = (MessageState.PLANNED, MessageState.CLAIMED)
_KINDS = (MessageKind.REMINDER, MessageKind.SAFETY, MessageKind.TIP, MessageKind.CHECKIN)


@dataclass(frozen=True)
class Line:
    """One message of the plan. `words` is its text, once it was sent."""

    key: str
    channel: Channel
    fate: str
    """`sent`, `planned` or `not_sent`."""
    at: str
    words: str | None


@dataclass(frozen=True)
class Way:
    """One channel that the patient agreed to; `in_use` is the preferred one."""

    channel: Channel
    address_id: UUID
    stopped: bool
    in_use: bool


@dataclass(frozen=True)
class OwnPage:
    """What the patient's own page shows."""

    shown: Shown
    first_name: str | None
    day: int | None
    """Days since the newest session in the patient's own calendar, 4 for all later ones."""
    lines: tuple[Line, ...]
    ways: tuple[Way, ...]
    open_checkin: UUID | None
    told: bool
    answer: str | None
    level: str | None


def own_page_of(db: Session, patient_id: UUID, now: datetime) -> OwnPage:
    """Return a patient's own page; raises `LinkNamesNothing`. Changes nothing."""
    patient, clinic = _named(db, patient_id)
    zone = ZoneInfo(patient.time_zone or clinic.time_zone)
    session = _newest(db, patient)
    messages = messages_of_session(db, session.id) if session else []
    told = replies_of_page(db, _ref(patient_id))
    latest = told[-1] if told else None
    return OwnPage(
        shown=Shown(clinic.name, clinic.phone, patient.language, CURRENT_VERSION),
        first_name=patient.first_name,
        day=_day(session, now, zone) if session else None,
        lines=tuple(_line(one, clinic, zone, now) for one in messages if one.kind in _KINDS),
        ways=_ways(db, patient),
        open_checkin=_open_checkin(db, messages, now),
        told=latest is not None,
        answer=text_shown(db, latest, clinic) if latest else None,
        level=latest.level.value if latest and latest.level else None,
    )


def report(db: Session, patient_id: UUID, words: str, rules: Rules, now: datetime) -> None:
    """Take in what a patient tells on their own page, as a text would be."""
    patient, clinic = _named(db, patient_id)
    address_id = _preferred(patient)
    newest = db.scalar(
        select(Message.id)
        .where(Message.patient_id == patient.id, Message.kind.in_(_KINDS))
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(1)
    )
    answer = PageAnswer(words=words, asked=False)
    take_in(db, clinic, address_id, _ref(patient_id), answer, newest, rules, now)


def change_language(db: Session, patient_id: UUID, language: Language, now: datetime) -> None:
    """Write to a patient in another language, in what is planned already as well."""
    patient, _ = _named(db, patient_id)
    if patient.language is language:
        return
    patient.language = language
    planned = db.scalars(
        select(Message)
        .where(
            Message.patient_id == patient.id,
            Message.state == MessageState.PLANNED,
            Message.kind != MessageKind.NOTICE,
        )
        .order_by(Message.id)
        .with_for_update()
    )
    for message in planned:
        message.language = language
    _audit(db, patient, "language_changed", now, language=language.value)


def change_channel(db: Session, patient_id: UUID, channel: Channel, now: datetime) -> None:
    """Prefer a channel from the next session on; without consent to it nothing changes."""
    patient, _ = _named(db, patient_id)
    agreed = {way.channel for way in _ways(db, patient) if not way.stopped}
    if patient.channel is channel or channel not in agreed:
        return
    patient.channel = channel
    _audit(db, patient, "channel_changed", now, channel=channel.value)


def address_of_way(db: Session, patient_id: UUID, channel: Channel) -> UUID:
    """Return where a patient is written to on a channel; raises `LinkNamesNothing`."""
    patient, _ = _named(db, patient_id)
    for way in _ways(db, patient):
        if way.channel is channel:
            return way.address_id
    raise LinkNamesNothing


def _ref(patient_id: UUID) -> str:
    return f"patient-page:{patient_id}"


def _named(db: Session, patient_id: UUID) -> tuple[Patient, Clinic]:
    patient = db.get(Patient, patient_id)
    if patient is None or not patient.in_care():
        raise LinkNamesNothing
    return patient, db.get_one(Clinic, patient.clinic_id)


def _newest(db: Session, patient: Patient) -> TreatmentSession | None:
    sessions = sessions_of_patient(db, patient.clinic_id, patient.id)
    return next((one for one in sessions if one.state is SessionState.ACTIVE), None)


def _preferred(patient: Patient) -> UUID:
    by_channel = {
        Channel.SMS: patient.phone_address_id,
        Channel.EMAIL: patient.email_address_id,
    }
    found = by_channel[patient.channel] or patient.phone_address_id or patient.email_address_id
    if found is None:
        raise LinkNamesNothing
    return found


def _day(session: TreatmentSession, now: datetime, zone: ZoneInfo) -> int:
    days = (now.astimezone(zone).date() - session.ended_at.astimezone(zone).date()).days
    return min(max(days, 0), _LAST_DAY)


def _line(message: Message, clinic: Clinic, zone: ZoneInfo, now: datetime) -> Line:
    ahead = message.state in _AHEAD
    fate = "sent" if message.state in _SENT else "planned" if ahead else "not_sent"
    moment = message.sent_at or message.send_at
    return Line(
        key=message.key,
        channel=message.channel,
        fate=fate,
        at=spoken_time(moment, zone, message.language, now=now),
        words=_words(message, clinic, zone) if fate == "sent" else None,
    )


def _words(message: Message, clinic: Clinic, zone: ZoneInfo) -> str | None:
    try:
        return words_of(message, clinic, zone)
    except (UnknownText, MissingSlot):
        return None  # an email has no short form; the mailbox has it whole


def _ways(db: Session, patient: Patient) -> tuple[Way, ...]:
    consent = consent_of(db, patient.id)
    if consent is None:
        return ()
    given = (
        (Channel.SMS, consent.sms, patient.phone_address_id),
        (Channel.EMAIL, consent.email, patient.email_address_id),
    )
    return tuple(
        Way(
            channel,
            address_id,
            stopped=db.get_one(Address, address_id).opted_out_at is not None,
            in_use=patient.channel is channel,
        )
        for channel, agreed, address_id in given
        if agreed and address_id is not None
    )


def _open_checkin(db: Session, messages: list[Message], now: datetime) -> UUID | None:
    for message in reversed(messages):
        asked = message.key.startswith("checkin_") and message.state in _SENT
        if asked and check_in_page(db, message.id, now).state is CheckInState.OPEN:
            return message.id
    return None


def _audit(db: Session, patient: Patient, action: str, now: datetime, **detail: str) -> None:
    audit.record(
        db,
        clinic_id=patient.clinic_id,
        at=now,
        actor=ACTOR,
        action=action,
        subject=f"patient:{patient.id}",
        **detail,
    )
