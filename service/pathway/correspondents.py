"""Who wrote a reply, about which session, in answer to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, or_, select
from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.triage.readings import Circumstances
from service.domain.values import (
    HealthFlag,
    Language,
    MessageKind,
    MessageState,
)
from service.store.base import one_of, spelled
from service.store.messages import Message
from service.store.patients import Address, Patient, patients_at
from service.store.replies import last_score
from service.store.sessions import TreatmentSession, newest_session_before, session_of

JOINED = timedelta(minutes=5)
"""Texts that follow one another within this time are read as one (`clinical-protocol` D)."""
_QUESTION_STANDS = timedelta(hours=72)
_MOST_QUESTIONS = 20
_LAST_CHECKIN = "checkin_96h"
_LEAVES_QUESTION_OPEN = ("routine", "routine_closed", "update", "thanks", "help", "call_missed")
"""Texts after which the question before them may still be answered."""
_ABOUT_A_SESSION = ("signs", "clarify", "clarify_signs", "safety_check")
_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNKNOWN)
_NEVER_SENT = (MessageState.CANCELLED, MessageState.SKIPPED, MessageState.REFUSED)

_CHECKINS_SENT_TO = select(Message).where(
    Message.patient_id == bindparam("patient"),
    Message.kind == spelled(MessageKind.CHECKIN),
    Message.key.startswith(literal_column("'checkin_'")),
    one_of(Message.state, _SENT),
)
_LAST_CHECKIN_TO_COME = (
    select(Message.id)
    .where(
        Message.session_id == bindparam("session"),
        Message.key == _LAST_CHECKIN,
        one_of(Message.state, (MessageState.PLANNED, MessageState.CLAIMED)),
    )
    .limit(1)
)
_went_at = func.coalesce(Message.sent_at, Message.created_at)
_QUESTIONS_OF = (
    select(Message)
    .where(
        Message.address_id == bindparam("address"),
        or_(
            (Message.kind == spelled(MessageKind.REPLY)) & ~one_of(Message.state, _NEVER_SENT),
            (Message.kind == spelled(MessageKind.CHECKIN)) & one_of(Message.state, _SENT),
        ),
        Message.created_at <= bindparam("until"),
        _went_at >= bindparam("since"),
    )
    .order_by(_went_at.desc(), Message.id.desc())
    .limit(_MOST_QUESTIONS)
)


@dataclass(frozen=True)
class Correspondent:
    """Who wrote. `patient` is None for a stranger, and while a shared number is not sorted out."""

    address: Address
    patients: tuple[Patient, ...]
    patient: Patient | None
    session: TreatmentSession | None
    checkin: Message | None
    """The newest check-in sent, open or not."""
    checkin_open: bool
    question: Message | None
    """The newest text that went to this address and may be what is answered."""
    clarified: bool
    """Were unclear words asked about already, since the check-in or in these days?"""
    signs_asked: bool
    """Were the A-D signs asked since the newest check-in?"""
    asked_again: bool
    """Is the session's last check-in still to come?"""

    @property
    def known(self) -> bool:
        """Does the address belong to any patient?"""
        return bool(self.patients)

    @property
    def last_question(self) -> str | None:
        """The key of the text that may be what is answered."""
        return self.question.key if self.question else None

    @property
    def language(self) -> Language:
        """The language to answer in."""
        person = self.patient or next(iter(self.patients), None)
        return person.language if person else Language.EN


def who_wrote(
    db: Session, address: Address, received_at: datetime, about: Message | None = None
) -> Correspondent:
    """Find the patient, the session and the check-in that a reply belongs to.

    `about` is the message of ours that it certainly answers: what it names goes before any guess.
    """
    patients = patients_at(db, address.id)
    named = _named(db, about, patients)
    checkins = _sent_checkins(db, [named] if named else patients)
    if named and about:
        checkins = [one for one in checkins if _is_asked_by(about, one)] or checkins
    open_now = [checkin for checkin in checkins if _is_open(checkin, received_at)]
    patient = named or _the_one(patients, open_now)
    who = _about(db, address, patients, patient, checkins, received_at)
    if named is None or about is None or about.session_id is None:
        return who
    session = session_of(db, named.clinic_id, about.session_id)
    to_come = session is not None and _last_checkin_to_come(db, session)
    return replace(who, session=session, asked_again=to_come)


def _named(db: Session, about: Message | None, patients: list[Patient]) -> Patient | None:
    """Return whose message was answered; a stranger who has it got it from that patient."""
    if about is None or about.patient_id is None:
        return None
    patient = db.get_one(Patient, about.patient_id)
    return patient if patient in patients or not patients else None


def _is_asked_by(about: Message, checkin: Message) -> bool:
    """Is this the check-in whose question the message asks, or one of its session?"""
    same = checkin.session_id == about.session_id
    asks = about.key.startswith(("checkin_", "nudge_"))
    return same and (not asks or checkin.key == about.key.replace("nudge_", "checkin_"))


def as_patient(
    db: Session, who: Correspondent, patient: Patient, received_at: datetime
) -> Correspondent:
    """Return the correspondent again, now that it is known which of the number's patients it is."""
    patients = list(who.patients)
    checkins = _sent_checkins(db, [patient])
    return _about(db, who.address, patients, patient, checkins, received_at)


def _about(
    db: Session,
    address: Address,
    patients: list[Patient],
    patient: Patient | None,
    checkins: list[Message],
    received_at: datetime,
) -> Correspondent:
    checkin = next((sent for sent in checkins if patient and sent.patient_id == patient.id), None)
    recent = _recent_questions(db, address, received_at)
    question = next((one for one in recent if one.key not in _LEAVES_QUESTION_OPEN), None)
    session = _session(db, patient, checkin, question, received_at)
    since = (checkin.sent_at if checkin else None) or received_at - _QUESTION_STANDS
    asked = {message.key for message in recent if message.created_at >= since}
    return Correspondent(
        address=address,
        patients=tuple(patients),
        patient=patient,
        session=session,
        checkin=checkin,
        checkin_open=checkin is not None and _is_open(checkin, received_at),
        question=question,
        clarified="clarify" in asked,
        signs_asked="signs" in asked,
        asked_again=session is not None and _last_checkin_to_come(db, session),
    )


def circumstances(
    db: Session,
    who: Correspondent,
    received_at: datetime,
    *,
    has_media: bool,
    chest_adjacent: Callable[[Sequence[str]], bool],
) -> Circumstances:
    """Return what triage must know around the reply."""
    known = treated_so(who.session, who.patient, received_at, chest_adjacent)
    return replace(
        known,
        language=who.language if who.known else None,
        previous=last_score(db, who.session.id) if who.session else None,
        # "Send one number" asks the check-in's question again.
        checkin_open=who.checkin_open or who.last_question == "clarify",
        signs_open=who.last_question in ("signs", "clarify_signs"),
        safety_check_open=who.last_question == "safety_check",
        has_media=has_media,
        clarified_before=who.clarified,
    )


def treated_so(
    session: TreatmentSession | None,
    patient: Patient | None,
    received_at: datetime,
    chest_adjacent: Callable[[Sequence[str]], bool],
) -> Circumstances:
    """Return what session and patient say around a reply, before anything that was asked."""
    health = frozenset((patient.health_flags or ()) if patient else ())
    regions = tuple(session.regions) if session else ()
    version = session.protocol_version if session else CURRENT_VERSION
    return Circumstances(
        hours_since_session=(
            (received_at - session.ended_at).total_seconds() / 3600 if session else None
        ),
        baseline=session.baseline_pain if session else None,
        guardian=bool(patient and patient.guardian),
        blood_thinner=HealthFlag.BLOOD_THINNER in health,
        pregnant=HealthFlag.PREGNANT in health,
        chest_adjacent=chest_adjacent(regions),
        regions=regions,
        pain_rules=load_protocol(version).pain.rules(),
    )


def _sent_checkins(db: Session, patients: list[Patient]) -> list[Message]:
    """The check-ins that went to these patients, newest first."""
    sent = [
        checkin
        for patient in patients
        for checkin in db.scalars(_CHECKINS_SENT_TO, {"patient": patient.id})
    ]
    return sorted(sent, key=lambda one: (one.sent_at or one.send_at, one.id), reverse=True)


def _is_open(checkin: Message, received_at: datetime) -> bool:
    # A correction that follows at once ("oops, 8 not 3") still answers the question.
    return checkin.answered_at is None or checkin.answered_at >= received_at - JOINED


def _the_one(patients: list[Patient], open_now: list[Message]) -> Patient | None:
    if len(patients) == 1:
        return patients[0]
    asked = {checkin.patient_id for checkin in open_now}
    return next((patient for patient in patients if asked == {patient.id}), None)


def _session(
    db: Session,
    patient: Patient | None,
    checkin: Message | None,
    question: Message | None,
    received_at: datetime,
) -> TreatmentSession | None:
    if patient is None:
        return None
    if checkin and checkin.session_id and _is_open(checkin, received_at):
        return session_of(db, patient.clinic_id, checkin.session_id)
    asked = question if question and question.key in _ABOUT_A_SESSION else None
    if asked and asked.session_id and asked.patient_id == patient.id:
        return session_of(db, patient.clinic_id, asked.session_id)
    return newest_session_before(db, patient.clinic_id, patient.id, received_at)


def _last_checkin_to_come(db: Session, session: TreatmentSession) -> bool:
    return db.scalar(_LAST_CHECKIN_TO_COME, {"session": session.id}) is not None


def _recent_questions(db: Session, address: Address, received_at: datetime) -> list[Message]:
    """What went to an address in these days and may be answered, newest first."""
    given = {"address": address.id, "until": received_at, "since": received_at - _QUESTION_STANDS}
    return list(db.scalars(_QUESTIONS_OF, given))
