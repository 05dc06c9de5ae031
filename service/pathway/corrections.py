"""A session's end was entered wrongly: what is not sent yet is planned again from the right one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.protocol import load_protocol
from service.domain.replanning import replan_for_new_end
from service.domain.values import (
    MessageKind,
    MessageState,
    PlannedMessage,
    SessionState,
)
from service.pathway.enrolment import SessionNotFound, fate
from service.pathway.phone_tasks import ask_to_phone
from service.pathway.staff_tasks import TASK
from service.store import audit
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Address, Patient, consent_of, facts_of
from service.store.sessions import TreatmentSession, session_of

MOVED = "Moved: the session's end was corrected."
NEVER_SENT = "A check-in cannot be sent in time any more: phone the patient."

_FURTHEST_AHEAD = timedelta(days=1)
_AUTOMATIC = (MessageKind.REPLY, MessageKind.NOTICE)


class EndTooFarAhead(Exception):
    """The session would end more than a day from now."""


class AftercareEnded(Exception):
    """The session was cancelled, or a newer one took over: nothing of it is planned any more."""


def correct_end(
    db: Session,
    clinic: Clinic,
    session_id: UUID,
    ended_at: datetime,
    *,
    by: str,
    now: datetime,
) -> TreatmentSession:
    """Set when a session ended; only what is not sent moves (`clinical-protocol` D).

    The same time again changes nothing. A check-in that cannot be sent in time any more becomes a
    phone task. Raises `SessionNotFound`, `AftercareEnded` and `EndTooFarAhead`.
    """
    session = session_of(db, clinic.id, session_id)
    if session is None:
        raise SessionNotFound
    if session.ended_at == ended_at:
        return session
    if session.state is not SessionState.ACTIVE:
        raise AftercareEnded
    if ended_at > now + _FURTHEST_AHEAD:
        raise EndTooFarAhead
    before, session.ended_at = session.ended_at, ended_at
    moved = _plan_again(db, clinic, session, now)
    audit.record(
        db,
        clinic_id=clinic.id,
        at=now,
        actor=by,
        action="session_end_corrected",
        subject=f"treatment_session:{session.id}",
        before=before.isoformat(),
        after=ended_at.isoformat(),
        messages=moved,
    )
    db.flush()
    return session


def _plan_again(db: Session, clinic: Clinic, session: TreatmentSession, now: datetime) -> int:
    """Move what is not sent; return how many messages changed."""
    rows = _locked_messages(db, session)
    patient = db.get_one(Patient, session.patient_id)
    consent = consent_of(db, patient.id)
    if consent is None:
        return 0
    plan = replan_for_new_end(
        session.facts(),
        facts_of(patient, consent),
        clinic.facts(),
        load_protocol(session.protocol_version),
        [_as_planned(row) for row in rows],
        now=now,
        last_text_at=_last_text_at(db, patient.id),
    )
    unsent = {(row.key, row.channel): row for row in rows if not _may_have_gone(row)}
    changed = 0
    for planned in plan:
        row = unsent[planned.key, planned.channel]
        was_planned = row.state is MessageState.PLANNED
        changed += _move(row, planned, patient, db.get_one(Address, row.address_id))
        if was_planned and row.state is MessageState.SKIPPED and row.kind is MessageKind.CHECKIN:
            ask_to_phone(db, row, kind=TASK, category=row.key, reason=NEVER_SENT, now=now)
    return changed


def _locked_messages(db: Session, session: TreatmentSession) -> list[Message]:
    return list(
        db.scalars(
            select(Message)
            .where(Message.session_id == session.id, Message.kind.not_in(_AUTOMATIC))
            .order_by(Message.id)
            .with_for_update()
        )
    )


def _may_have_gone(row: Message) -> bool:
    """Skipped after a try is not the same as never tried: only the latter may be planned again."""
    return row.state not in (MessageState.PLANNED, MessageState.SKIPPED) or (
        row.state is MessageState.SKIPPED and row.attempts > 0
    )


def _as_planned(row: Message) -> PlannedMessage:
    planned = row.as_planned()
    gone = row.state is MessageState.SKIPPED and _may_have_gone(row)
    return replace(planned, state=MessageState.UNKNOWN) if gone else planned


def _move(row: Message, planned: PlannedMessage, patient: Patient, address: Address) -> bool:
    """Write a message's new place in the plan; return whether that changed anything."""
    state, reason = fate(planned, patient, address)
    before = (row.state, row.send_at, row.due_at)
    row.due_at, row.send_at = planned.due_at, planned.send_at
    row.send_before, row.useful_until = planned.send_before, planned.useful_until
    row.wording, row.slots = planned.wording, dict(planned.slots) or None
    changed = before != (state, planned.send_at, planned.due_at)
    if changed:
        row.state, row.reason = state, reason or MOVED
    return changed


def _last_text_at(db: Session, patient_id: UUID) -> datetime | None:
    """When the patient was last sent a message of any plan."""
    return db.scalar(
        select(func.max(func.coalesce(Message.sent_at, Message.claimed_at))).where(
            Message.patient_id == patient_id, Message.kind.not_in(_AUTOMATIC)
        )
    )
