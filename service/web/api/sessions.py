"""Sessions over the API: enrol, look, correct, cancel, list."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from service.pathway import corrections, enrolment
from service.store.sessions import session_of, sessions_page
from service.web.api.schemas import CancelGiven, EndGiven, SessionGiven, Since
from service.web.api.views import (
    SessionLine,
    SessionPage,
    SessionView,
    WholeSessionView,
    session_view,
    whole_session_view,
)
from service.web.deps import CallerClinic, CallerKey, Db, Now
from service.web.errors import described

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.post("", status_code=201)
def enrol(
    given: SessionGiven,
    db: Db,
    caller: CallerKey,
    clinic: CallerClinic,
    now: Now,
    *,
    dry_run: bool = False,
) -> SessionView:
    """Record a session and plan its messages; with `dry_run` the same answer, nothing stored."""
    trial = db.begin_nested() if dry_run else None
    session = enrolment.enrol(db, clinic, given.checked(), by=caller.name, now=now)
    answer = session_view(db, clinic, session)
    if trial is not None:
        trial.rollback()
    return answer


@router.get("")
def list_sessions(
    db: Db,
    caller: CallerKey,
    patient_id: UUID | None = None,
    since: Since | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: UUID | None = None,
) -> SessionPage:
    """The clinic's sessions in the order they were recorded; `next_cursor` continues the list."""
    found = sessions_page(
        db,
        caller.clinic_id,
        patient_id=patient_id,
        since=since,
        after=cursor,
        limit=limit + 1,
    )
    page = found[:limit]
    return SessionPage(
        sessions=[SessionLine.model_validate(session) for session in page],
        next_cursor=page[-1].id if len(found) > limit else None,
    )


@router.get("/{session_id}", responses=described(404))
def look(session_id: UUID, db: Db, clinic: CallerClinic) -> WholeSessionView:
    """One session with its messages, replies, flags and calls."""
    session = session_of(db, clinic.id, session_id)
    if session is None:
        raise enrolment.SessionNotFound
    return whole_session_view(db, clinic, session)


@router.patch("/{session_id}", responses=described(404, 409))
def correct_end(
    session_id: UUID, given: EndGiven, db: Db, caller: CallerKey, clinic: CallerClinic, now: Now
) -> SessionView:
    """Correct when a session ended: messages not sent yet move, what was sent stays.

    The same time again changes nothing.
    """
    session = corrections.correct_end(
        db, clinic, session_id, given.ended_at, by=caller.name, now=now
    )
    return session_view(db, clinic, session)


@router.post("/{session_id}/cancel", responses=described(404, 409))
def cancel(
    session_id: UUID,
    given: CancelGiven,
    db: Db,
    caller: CallerKey,
    clinic: CallerClinic,
    now: Now,
) -> SessionView:
    """End a session's aftercare: what is still planned is cancelled."""
    session = enrolment.cancel(
        db, clinic.id, session_id, reason=given.reason, by=caller.name, now=now
    )
    return session_view(db, clinic, session)
