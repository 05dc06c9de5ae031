"""Needling sessions and where their aftercare stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    Uuid,
    bindparam,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.values import HeatIcePlan, SessionFacts, SessionState, TriggerPoints
from service.store.base import Base, HasId, enum_column
from service.store.secrets import Sealed


class TreatmentSession(HasId, Base):
    """One needling session, as the therapist recorded it."""

    __tablename__ = "treatment_session"
    __table_args__ = (
        # Enrolling the same visit twice must not text the patient twice.
        UniqueConstraint("clinic_id", "external_id"),
        CheckConstraint("baseline_pain BETWEEN 0 AND 10", name="baseline_pain"),
        Index(None, "patient_id", "ended_at"),
        Index(None, "clinic_id", "created_at", "id"),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    patient_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("patient.id"))
    external_id: Mapped[str | None]
    ended_at: Mapped[datetime]
    regions: Mapped[list[str]]
    baseline_pain: Mapped[int | None]
    first_session: Mapped[bool]
    trigger_points: Mapped[TriggerPoints] = mapped_column(enum_column(TriggerPoints))
    plan: Mapped[HeatIcePlan] = mapped_column(enum_column(HeatIcePlan))
    move_plan: Mapped[str | None] = mapped_column(Sealed("treatment_session.move_plan"))
    protocol_version: Mapped[int]
    """Pinned at enrolment: this session's texts and rules stay those of this version."""
    state: Mapped[SessionState] = mapped_column(enum_column(SessionState))
    state_reason: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]

    def facts(self) -> SessionFacts:
        """Return what the rules need to know of this session."""
        return SessionFacts(
            ended_at=self.ended_at,
            regions=tuple(self.regions),
            baseline_pain=self.baseline_pain,
            first_session=self.first_session,
            trigger_points=self.trigger_points,
            plan=self.plan,
            move_plan=self.move_plan,
        )


_OF_CLINIC = select(TreatmentSession).where(
    TreatmentSession.id == bindparam("session"), TreatmentSession.clinic_id == bindparam("clinic")
)


def session_of(db: Session, clinic_id: UUID, session_id: UUID) -> TreatmentSession | None:
    """Return the clinic's session; another clinic's is None, like one that does not exist."""
    return db.scalar(_OF_CLINIC, {"session": session_id, "clinic": clinic_id})


def locked_session(db: Session, session_id: UUID) -> TreatmentSession:
    """Return a session as it is now, locked: whoever ends it waits."""
    return db.scalars(
        select(TreatmentSession)
        .where(TreatmentSession.id == session_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def session_by_external_id(
    db: Session, clinic_id: UUID, external_id: str
) -> TreatmentSession | None:
    """Return the session the clinic's own system calls `external_id`, or None."""
    return db.scalar(
        select(TreatmentSession).where(
            TreatmentSession.clinic_id == clinic_id, TreatmentSession.external_id == external_id
        )
    )


_NEWEST_BEFORE = (
    select(TreatmentSession)
    .where(
        TreatmentSession.patient_id == bindparam("patient"),
        TreatmentSession.clinic_id == bindparam("clinic"),
        TreatmentSession.ended_at <= bindparam("moment"),
    )
    .order_by(TreatmentSession.ended_at.desc(), TreatmentSession.id.desc())
    .limit(1)
)


def newest_session_before(
    db: Session, clinic_id: UUID, patient_id: UUID, moment: datetime
) -> TreatmentSession | None:
    """Return the patient's newest session that had ended at a moment, or None."""
    given = {"patient": patient_id, "clinic": clinic_id, "moment": moment}
    return db.scalar(_NEWEST_BEFORE, given)


def sessions_of_patient(db: Session, clinic_id: UUID, patient_id: UUID) -> list[TreatmentSession]:
    """Return a patient's sessions, newest first."""
    return list(
        db.scalars(
            select(TreatmentSession)
            .where(
                TreatmentSession.patient_id == patient_id, TreatmentSession.clinic_id == clinic_id
            )
            .order_by(TreatmentSession.ended_at.desc(), TreatmentSession.id.desc())
        )
    )


def newest_sessions(db: Session, patient_ids: Iterable[UUID]) -> dict[UUID, TreatmentSession]:
    """Return each of these patients' newest session, by patient."""
    newest = (
        select(TreatmentSession.patient_id, func.max(TreatmentSession.ended_at).label("ended_at"))
        .where(TreatmentSession.patient_id.in_(set(patient_ids)))
        .group_by(TreatmentSession.patient_id)
        .subquery()
    )
    found = db.scalars(
        select(TreatmentSession)
        .join(
            newest,
            (TreatmentSession.patient_id == newest.c.patient_id)
            & (TreatmentSession.ended_at == newest.c.ended_at),
        )
        .order_by(TreatmentSession.id)
    )
    return {one.patient_id: one for one in found}


def sessions_ended(
    db: Session, clinic_id: UUID, since: datetime, until: datetime
) -> list[TreatmentSession]:
    """Return a clinic's sessions that ended in a span of time, newest first.

    A session is recorded when it has ended, or a day before at most: that finds it by index.
    """
    return list(
        db.scalars(
            select(TreatmentSession)
            .where(
                TreatmentSession.clinic_id == clinic_id,
                TreatmentSession.created_at >= since - timedelta(days=1),
                TreatmentSession.ended_at >= since,
                TreatmentSession.ended_at < until,
            )
            .order_by(TreatmentSession.ended_at.desc(), TreatmentSession.id.desc())
        )
    )


def sessions_page(
    db: Session,
    clinic_id: UUID,
    *,
    patient_id: UUID | None,
    since: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[TreatmentSession]:
    """Return up to `limit` sessions in the order they were recorded, from after `after` on."""
    asked = select(TreatmentSession).where(TreatmentSession.clinic_id == clinic_id)
    if patient_id is not None:
        asked = asked.where(TreatmentSession.patient_id == patient_id)
    if since is not None:
        asked = asked.where(TreatmentSession.created_at >= since)
    if after is not None:
        # Identifiers are ordered by time, so one of them is the place to go on from.
        asked = asked.where(TreatmentSession.id > after)
    return list(db.scalars(asked.order_by(TreatmentSession.id).limit(limit)))
