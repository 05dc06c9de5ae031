"""A clinic's day: who was treated, what goes out next, what came back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.evidence import Piece, pieces_of
from service.domain.values import Channel, Level, SessionState
from service.store import audit
from service.store.clinics import Clinic
from service.store.flags import waiting_by_level
from service.store.messages import Message, going_out
from service.store.patients import Patient, patients_by_id
from service.store.replies import Reply, replies_to_clinic
from service.store.sessions import TreatmentSession, sessions_ended

AHEAD = timedelta(hours=24)
_MOST = 12


@dataclass(frozen=True)
class Treated:
    """A session of today."""

    session_id: UUID
    patient_id: UUID
    first_name: str | None
    ended_at: datetime
    regions: tuple[str, ...]
    by: str
    state: SessionState


@dataclass(frozen=True)
class Leaving:
    """A message that goes out soon; `at` is in the patient's own zone."""

    session_id: UUID | None
    first_name: str | None
    key: str
    channel: Channel
    at: datetime


@dataclass(frozen=True)
class CameBack:
    """What a patient wrote; `level` is None until it was read."""

    session_id: UUID | None
    patient_id: UUID | None
    first_name: str | None
    at: datetime
    level: Level | None
    score: int | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Day:
    """What a therapist sees between two patients. Lists may be shorter than their counts."""

    date: datetime
    treated: tuple[Treated, ...]
    leaving: tuple[Leaving, ...]
    leaving_count: int
    replies: tuple[CameBack, ...]
    replies_count: int
    waiting: Mapping[Level, int]
    """Flags that are not closed, by level."""

    @property
    def waiting_count(self) -> int:
        """How many patients wait for a call."""
        return sum(self.waiting.values())


def day_of(db: Session, clinic: Clinic, *, by: str, now: datetime) -> Day:
    """Return the clinic's local day so far; that its patients' names were read is written down."""
    zone = ZoneInfo(clinic.time_zone)
    began, ends = _bounds(now, zone)
    sessions = sessions_ended(db, clinic.id, began, ends)
    messages, leaving_count = going_out(db, clinic.id, now + AHEAD, _MOST)
    replies, replies_count = replies_to_clinic(db, clinic.id, began, _MOST)
    people = patients_by_id(db, _named(sessions, messages, replies))

    def name(patient_id: UUID | None) -> str | None:
        return people[patient_id].first_name if patient_id in people else None

    def zone_for(patient_id: UUID | None) -> ZoneInfo:
        patient: Patient | None = people.get(patient_id) if patient_id else None
        return ZoneInfo(patient.time_zone) if patient and patient.time_zone else zone

    day = Day(
        date=now.astimezone(zone),
        treated=tuple(
            Treated(
                session_id=one.id,
                patient_id=one.patient_id,
                first_name=name(one.patient_id),
                ended_at=one.ended_at.astimezone(zone),
                regions=tuple(one.regions),
                by=one.created_by,
                state=one.state,
            )
            for one in sessions
        ),
        leaving=tuple(
            Leaving(
                session_id=one.session_id,
                first_name=name(one.patient_id),
                key=one.key,
                channel=one.channel,
                at=one.send_at.astimezone(zone_for(one.patient_id)),
            )
            for one in messages
        ),
        leaving_count=leaving_count,
        replies=tuple(
            CameBack(
                session_id=one.session_id,
                patient_id=one.patient_id,
                first_name=name(one.patient_id),
                at=one.received_at.astimezone(zone),
                level=one.level,
                score=one.score,
                pieces=pieces_of(one.body or "", one.findings or ()),
            )
            for one in replies
        ),
        replies_count=replies_count,
        waiting=waiting_by_level(db, clinic.id),
    )
    audit.record(
        db,
        clinic_id=clinic.id,
        at=now,
        actor=by,
        action="day_read",
        subject=f"clinic:{clinic.id}",
        patients=sorted(str(one) for one in people),
    )
    return day


def _bounds(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when the clinic's local day began and when it ends."""
    today = now.astimezone(zone).date()
    # Combine in local time first: a day across a clock change is not 24 hours long.
    began = datetime.combine(today, time(), tzinfo=zone)
    ends = datetime.combine(today + timedelta(days=1), time(), tzinfo=zone)
    return began, ends


def _named(
    sessions: Iterable[TreatmentSession], messages: Iterable[Message], replies: Iterable[Reply]
) -> set[UUID]:
    found = {one.patient_id for one in sessions}
    written = [one.patient_id for one in messages] + [one.patient_id for one in replies]
    return found | {one for one in written if one is not None}
