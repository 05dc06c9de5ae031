"""A clinic's last months, with all that a dry run must know of each session and each answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from service.domain.values import CallOutcome
from service.store.flags import Flag
from service.store.patients import Consent, Patient
from service.store.replies import Reply
from service.store.sessions import TreatmentSession


class PastAnswer(NamedTuple):
    """What a patient wrote about a session, and how the flag ended that it raised, if any."""

    reply: Reply
    session: TreatmentSession
    patient: Patient
    outcome: CallOutcome | None


class PastSession(NamedTuple):
    """A session, whose it was, and what that patient has agreed to by now."""

    session: TreatmentSession
    patient: Patient
    consent: Consent


def past_answers(db: Session, clinic_id: UUID, since: datetime, most: int) -> list[PastAnswer]:
    """Return the newest answers about sessions since a moment, oldest first, `most` at most."""
    asked = (
        select(Reply, TreatmentSession, Patient, Flag.outcome)
        .join(TreatmentSession, TreatmentSession.id == Reply.session_id)
        .join(Patient, Patient.id == TreatmentSession.patient_id)
        .outerjoin(Flag, and_(Flag.reply_id == Reply.id, Flag.kind == "reply"))
        .where(Reply.clinic_id == clinic_id, Reply.received_at >= since, Reply.body.is_not(None))
        .order_by(Reply.received_at.desc(), Reply.id.desc())
        .limit(most)
    )
    return [PastAnswer(*row) for row in reversed(db.execute(asked).all())]


def past_sessions(db: Session, clinic_id: UUID, since: datetime, most: int) -> list[PastSession]:
    """Return the newest sessions that ended since a moment, `most` at most."""
    given = aliased(Consent)
    newest = (
        select(given.id)
        .where(given.patient_id == TreatmentSession.patient_id)
        .order_by(given.recorded_at.desc(), given.id.desc())
        .limit(1)
        .correlate(TreatmentSession)
        .scalar_subquery()
    )
    asked = (
        select(TreatmentSession, Patient, Consent)
        .join(Patient, Patient.id == TreatmentSession.patient_id)
        .join(Consent, Consent.id == newest)
        .where(
            TreatmentSession.clinic_id == clinic_id,
            # A session is recorded when it has ended, or a day before: that is what is indexed.
            TreatmentSession.created_at >= since - timedelta(days=1),
            TreatmentSession.ended_at >= since,
        )
        .order_by(TreatmentSession.created_at.desc(), TreatmentSession.id.desc())
        .limit(most)
    )
    return [PastSession(*row) for row in db.execute(asked)]
