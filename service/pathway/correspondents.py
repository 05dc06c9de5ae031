"""Who wrote a reply, about which session, in answer to what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from service.domain.triage.readings import Circumstances
from service.domain.values import HealthFlag, Language, MessageKind, MessageState
from service.store.messages import Message
from service.store.patients import Address, Patient, patients_at
from service.store.replies import replies_of_session
from service.store.sessions import TreatmentSession, session_of, sessions_of_patient

JOINED = timedelta(minutes=5)
"""Texts that follow one another within this time are read as one (`clinical-protocol` D)."""
_QUESTION_STANDS = timedelta(hours=72)
_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNKNOWN)
_NEVER_SENT = (MessageState.CANCELLED, MessageState.SKIPPED, MessageState.REFUSED)


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
    last_question: str | None
    """The key of the newest text that went to this address and may be what is answered."""

    @property
    def known(self) -> bool:
        """Does the address belong to any patient?"""
        return bool(self.patients)

    @property
    def language(self) -> Language:
        """The language to answer in."""
        person = self.patient or next(iter(self.patients), None)
        return person.language if person else Language.EN


def who_wrote(db: Session, address: Address, received_at: datetime) -> Correspondent:
    """Find the patient, the session and the check-in that a reply belongs to."""
    patients = patients_at(db, address.id)
    checkins = _sent_checkins(db, patients)
    open_now = [checkin for checkin in checkins if _is_open(checkin, received_at)]
    patient = _the_one(patients, open_now)
    checkin = next((sent for sent in checkins if patient and sent.patient_id == patient.id), None)
    return Correspondent(
        address=address,
        patients=tuple(patients),
        patient=patient,
        session=_session(db, patient, checkin, received_at),
        checkin=checkin,
        checkin_open=checkin is not None and _is_open(checkin, received_at),
        last_question=_last_question(db, address, received_at),
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
    session, patient = who.session, who.patient
    health = frozenset((patient.health_flags or ()) if patient else ())
    regions = tuple(session.regions) if session else ()
    return Circumstances(
        language=who.language if who.known else None,
        hours_since_session=(
            (received_at - session.ended_at).total_seconds() / 3600 if session else None
        ),
        baseline=session.baseline_pain if session else None,
        previous=_previous_score(db, session) if session else None,
        checkin_open=who.checkin_open,
        signs_open=who.last_question in ("signs", "clarify_signs"),
        safety_check_open=who.last_question == "safety_check",
        guardian=bool(patient and patient.guardian),
        blood_thinner=HealthFlag.BLOOD_THINNER in health,
        pregnant=HealthFlag.PREGNANT in health,
        chest_adjacent=chest_adjacent(regions),
        regions=regions,
        has_media=has_media,
        clarified_before=who.last_question in ("clarify", "clarify_signs"),
    )


def _sent_checkins(db: Session, patients: list[Patient]) -> list[Message]:
    if not patients:
        return []
    return list(
        db.scalars(
            select(Message)
            .where(
                Message.patient_id.in_([patient.id for patient in patients]),
                Message.kind == MessageKind.CHECKIN,
                Message.key.startswith("checkin_", autoescape=True),
                Message.state.in_(_SENT),
            )
            .order_by(func.coalesce(Message.sent_at, Message.send_at).desc(), Message.id.desc())
        )
    )


def _is_open(checkin: Message, received_at: datetime) -> bool:
    # A correction that follows at once ("oops, 8 not 3") still answers the question.
    return checkin.answered_at is None or checkin.answered_at >= received_at - JOINED


def _the_one(patients: list[Patient], open_now: list[Message]) -> Patient | None:
    if len(patients) == 1:
        return patients[0]
    asked = {checkin.patient_id for checkin in open_now}
    return next((patient for patient in patients if asked == {patient.id}), None)


def _session(
    db: Session, patient: Patient | None, checkin: Message | None, received_at: datetime
) -> TreatmentSession | None:
    if patient is None:
        return None
    if checkin and checkin.session_id and _is_open(checkin, received_at):
        return session_of(db, patient.clinic_id, checkin.session_id)
    return next(
        (
            session
            for session in sessions_of_patient(db, patient.clinic_id, patient.id)
            if session.ended_at <= received_at
        ),
        None,
    )


def _previous_score(db: Session, session: TreatmentSession) -> int | None:
    scores = [reply.score for reply in replies_of_session(db, session.id)]
    return next((score for score in reversed(scores) if score is not None), None)


def _last_question(db: Session, address: Address, received_at: datetime) -> str | None:
    went_at = func.coalesce(Message.sent_at, Message.created_at)
    return db.scalar(
        select(Message.key)
        .where(
            Message.address_id == address.id,
            or_(
                (Message.kind == MessageKind.REPLY) & Message.state.not_in(_NEVER_SENT),
                (Message.kind == MessageKind.CHECKIN) & Message.state.in_(_SENT),
            ),
            Message.created_at <= received_at,
            went_at >= received_at - _QUESTION_STANDS,
        )
        .order_by(went_at.desc(), Message.id.desc())
        .limit(1)
    )
