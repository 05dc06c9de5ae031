"""What staff see of a patient and of a session: all that was sent, came back and was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.contact import spoken_phone
from service.domain.evidence import Piece, pieces_of
from service.domain.values import Channel
from service.pathway.enrolment import SessionNotFound
from service.pathway.message_lines import MessageLine, line_of, zone_of
from service.pathway.stopping import PatientNotFound
from service.pathway.undoing import UNDO_WITHIN, can_undo
from service.store import audit
from service.store.clinics import Clinic
from service.store.flags import Call, Flag, calls_of_flags, flags_of_session
from service.store.messages import messages_of_session
from service.store.patients import (
    Address,
    Consent,
    Patient,
    addresses_by_id,
    consent_of,
    patient_of,
)
from service.store.records import subject_of
from service.store.replies import Reply, replies_of_session
from service.store.sessions import TreatmentSession, session_of, sessions_of_patient


@dataclass(frozen=True)
class ReplyLine:
    """What a patient wrote, with the words that decided its level."""

    reply: Reply
    at: datetime
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Event:
    """One thing that happened, or is to happen, in a session's aftercare: one of these is set."""

    at: datetime
    message: MessageLine | None = None
    reply: ReplyLine | None = None
    flag: Flag | None = None
    call: Call | None = None


@dataclass(frozen=True)
class SessionPage:
    """A session with its timeline; `ended_at` is in the clinic's zone."""

    session: TreatmentSession
    patient: Patient
    ended_at: datetime
    zone: ZoneInfo
    """The patient's, in which the timeline's times are told."""
    past: tuple[Event, ...]
    """Newest first."""
    ahead: tuple[Event, ...]
    """What is still to be sent, soonest first."""
    dropped: tuple[Event, ...]
    """What will not be sent, and why."""
    can_undo: bool
    gone: int
    """How many of its messages have left already, or may have."""


@dataclass(frozen=True)
class Way:
    """One way to reach a patient, whether they agreed to it, and what stands against it."""

    channel: Channel
    address: Address | None
    agreed: bool

    @property
    def shown(self) -> str | None:
        """The number as people read it, or the mailbox."""
        value = self.address.value if self.address else None
        return spoken_phone(value) if value and self.channel is Channel.SMS else value


@dataclass(frozen=True)
class PatientPage:
    """A patient's record for staff; times are in the clinic's zone."""

    patient: Patient
    consent: Consent | None
    ways: tuple[Way, ...]
    sessions: tuple[TreatmentSession, ...]
    zone: ZoneInfo
    undoable: TreatmentSession | None
    """A session whose card was saved minutes ago."""
    undo_until: datetime | None
    plan: tuple[MessageLine, ...]
    """What the session under way still sends."""


def patient_page(
    db: Session, clinic: Clinic, patient_id: UUID, *, by: str, now: datetime
) -> PatientPage:
    """Return a patient's record; the reading is written down. Raises `PatientNotFound`."""
    patient = patient_of(db, clinic.id, patient_id)
    if patient is None:
        raise PatientNotFound
    note_reading(db, patient, by, now, on="patient")
    sessions = tuple(sessions_of_patient(db, clinic.id, patient.id))
    consent = consent_of(db, patient.id)
    zone, clinic_zone = zone_of(clinic, patient), ZoneInfo(clinic.time_zone)
    newest = max(sessions, key=lambda one: (one.created_at, one.id)) if sessions else None
    messages = messages_of_session(db, newest.id) if newest else []
    lines = tuple(line_of(message, clinic, zone) for message in messages)
    return PatientPage(
        patient=patient,
        consent=consent,
        ways=_ways(db, patient, consent),
        sessions=sessions,
        zone=clinic_zone,
        undoable=newest if newest and can_undo(newest, now) else None,
        undo_until=newest.created_at.astimezone(clinic_zone) + UNDO_WITHIN if newest else None,
        plan=tuple(line for line in lines if line.is_ahead),
    )


def session_page(
    db: Session, clinic: Clinic, session_id: UUID, *, by: str, now: datetime
) -> SessionPage:
    """Return a session with all that came of it; the reading is written down.

    Raises `SessionNotFound`.
    """
    session = session_of(db, clinic.id, session_id)
    if session is None:
        raise SessionNotFound
    patient = patient_of(db, clinic.id, session.patient_id)
    if patient is None:
        raise SessionNotFound
    note_reading(db, patient, by, now, on="session", session=str(session.id))
    zone = zone_of(clinic, patient)
    lines = [line_of(one, clinic, zone) for one in messages_of_session(db, session.id)]
    sent = [line for line in lines if not line.is_ahead and not _never_left(line)]
    past = [
        *(Event(line.at, message=line) for line in sent),
        *_happened(db, session.id, zone),
    ]
    return SessionPage(
        session=session,
        patient=patient,
        ended_at=session.ended_at.astimezone(ZoneInfo(clinic.time_zone)),
        zone=zone,
        past=tuple(sorted(past, key=lambda event: event.at, reverse=True)),
        ahead=tuple(Event(line.at, message=line) for line in lines if line.is_ahead),
        dropped=tuple(Event(line.at, message=line) for line in lines if _never_left(line)),
        can_undo=can_undo(session, now),
        gone=len(sent),
    )


def note_reading(db: Session, patient: Patient, by: str, now: datetime, **detail: str) -> None:
    """Write down that somebody read a patient's record."""
    audit.record(
        db,
        clinic_id=patient.clinic_id,
        at=now,
        actor=by,
        action="patient_read",
        subject=subject_of(patient),
        **detail,
    )


def _never_left(line: MessageLine) -> bool:
    return line.sent_at is None and line.state.value in ("skipped", "cancelled")


def _happened(db: Session, session_id: UUID, zone: ZoneInfo) -> Iterable[Event]:
    for reply in replies_of_session(db, session_id):
        at = reply.received_at.astimezone(zone)
        pieces = pieces_of(reply.body or "", reply.findings or ())
        yield Event(at, reply=ReplyLine(reply, at, pieces))
    flags = flags_of_session(db, session_id)
    for flag in flags:
        yield Event(flag.raised_at.astimezone(zone), flag=flag)
    for call in calls_of_flags(db, [flag.id for flag in flags]):
        yield Event(call.made_at.astimezone(zone), call=call)


def _ways(db: Session, patient: Patient, consent: Consent | None) -> tuple[Way, ...]:
    ids = (patient.phone_address_id, patient.email_address_id)
    found = addresses_by_id(db, [one for one in ids if one is not None])
    phone, email = (found.get(one) if one else None for one in ids)
    return (
        Way(Channel.SMS, phone, bool(consent and consent.sms)),
        Way(Channel.EMAIL, email, bool(consent and consent.email)),
    )
