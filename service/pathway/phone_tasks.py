"""A message went wrong, or nobody answered it: a person is asked to phone the patient instead."""

from __future__ import annotations

import typing
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.deadlines import flag_deadline
from service.domain.values import FlagState, Level
from service.store import audit
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.patients import Patient


class About(typing.Protocol):
    """The message that a task is about."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def patient_id(self) -> UUID | None: ...
    @property
    def session_id(self) -> UUID | None: ...


def ask_to_phone(
    db: Session,
    about: About,
    *,
    kind: str,
    category: str,
    reason: str,
    now: datetime,
    due_from: datetime | None = None,
    tell_at: datetime | None = None,
) -> None:
    """Put a routine phone task about a message on the list, once of each kind.

    Its deadline counts from `due_from`, and staff are told of it at `tell_at`; either is now where
    it is not given. Nobody is to phone a patient whose record was stopped or erased.
    """
    known = select(Flag.id).where(Flag.message_id == about.id, Flag.kind == kind)
    if db.scalar(known) is not None or not _in_care(db, about):
        return
    clinic = db.get_one(Clinic, about.clinic_id)
    tell_at = tell_at or now
    flag = Flag(
        clinic_id=about.clinic_id,
        patient_id=about.patient_id,
        session_id=about.session_id,
        message_id=about.id,
        kind=kind,
        level=Level.ROUTINE,
        categories=[category],
        reason=reason,
        raised_at=now,
        due_at=flag_deadline(Level.ROUTINE, due_from or now, clinic.facts()),
        state=FlagState.OPEN,
        alarm_at=tell_at,
        escalate_at=tell_at,
    )
    db.add(flag)
    db.flush()
    audit.record(
        db,
        clinic_id=about.clinic_id,
        at=now,
        actor="worker",
        action="flag_raised",
        subject=f"flag:{flag.id}",
        level=flag.level.value,
        kind=kind,
    )


def _in_care(db: Session, about: About) -> bool:
    patient = db.get(Patient, about.patient_id) if about.patient_id else None
    return patient is None or patient.in_care()
