"""A patient's page and a session's timeline for staff, and what can be done there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from service.pathway import stopping
from service.pathway.corrections import AftercareEnded, EndTooFarAhead, correct_end
from service.pathway.enrolment import NothingToCancel, cancel
from service.pathway.signing_in import SignedInStaff
from service.pathway.treatment import patient_page, session_page
from service.pathway.undoing import TooLateToUndo, undo
from service.web.deps import Db, Now
from service.web.pages.staff import SignedIn, draw_staff, go, staff_routes

Line = Annotated[str, Form(max_length=100)]

_NO_REASON = "Say why in a few words: it stands beside every message that is not sent."
_ENDED = "This session's aftercare has ended already; nothing of it is planned any more."
_TOO_LATE = "The five minutes are over. Cancel the session instead: what is planned is not sent."
_TOO_FAR = "This is more than a day from now: check the date."
_NO_TIME = "This is not a date and time: choose it again."


def router() -> APIRouter:
    """Return the routes under `/patients` and `/sessions`."""
    routes = staff_routes()
    _patients(routes)
    _sessions(routes)
    return routes


def _patients(routes: APIRouter) -> None:
    @routes.get("/patients/{patient_id}")
    def patient(request: Request, patient_id: UUID, db: Db, staff: SignedIn, now: Now) -> Response:
        return _patient_drawn(request, db, staff, patient_id, now)

    @routes.post("/patients/{patient_id}/stop")
    def stop(
        request: Request, patient_id: UUID, db: Db, staff: SignedIn, now: Now, reason: Line = ""
    ) -> Response:
        if not reason.strip():
            return _patient_drawn(request, db, staff, patient_id, now, wrong=_NO_REASON)
        stopping.stop(
            db, staff.clinic_id, patient_id, reason=reason.strip(), by=staff.name, now=now
        )
        return go(f"/patients/{patient_id}")

    @routes.post("/patients/{patient_id}/resume")
    def resume(patient_id: UUID, db: Db, staff: SignedIn, now: Now) -> Response:
        stopping.resume(db, staff.clinic_id, patient_id, by=staff.name, now=now)
        return go(f"/patients/{patient_id}")


def _sessions(routes: APIRouter) -> None:
    @routes.get("/sessions/{session_id}")
    def look(request: Request, session_id: UUID, db: Db, staff: SignedIn, now: Now) -> Response:
        return _session_drawn(request, db, staff, session_id, now)

    @routes.post("/sessions/{session_id}/undo")
    def take_back(
        request: Request, session_id: UUID, db: Db, staff: SignedIn, now: Now
    ) -> Response:
        try:
            undone = undo(db, staff.clinic_id, session_id, by=staff.name, now=now)
        except TooLateToUndo:
            wrong = {"undo": _TOO_LATE}
            return _session_drawn(request, db, staff, session_id, now, status=409, wrong=wrong)
        return draw_staff(request, "undone", staff, undone=undone)

    @routes.post("/sessions/{session_id}/cancel")
    def end(
        request: Request, session_id: UUID, db: Db, staff: SignedIn, now: Now, reason: Line = ""
    ) -> Response:
        if not reason.strip():
            wrong = {"reason": _NO_REASON}
            return _session_drawn(request, db, staff, session_id, now, status=422, wrong=wrong)
        try:
            cancel(db, staff.clinic_id, session_id, reason=reason.strip(), by=staff.name, now=now)
        except NothingToCancel:
            wrong = {"reason": _ENDED}
            return _session_drawn(request, db, staff, session_id, now, status=409, wrong=wrong)
        return go(f"/sessions/{session_id}")

    @routes.post("/sessions/{session_id}/end")
    def move(
        request: Request, session_id: UUID, db: Db, staff: SignedIn, now: Now, ended_at: Line = ""
    ) -> Response:
        def refused(status: int, why: str) -> Response:
            wrong = {"ended_at": why}
            return _session_drawn(request, db, staff, session_id, now, status=status, wrong=wrong)

        ended = _moment(ended_at, ZoneInfo(staff.clinic.time_zone))
        if ended is None:
            return refused(422, _NO_TIME)
        try:
            correct_end(db, staff.clinic, session_id, ended, by=staff.name, now=now)
        except AftercareEnded:
            return refused(409, _ENDED)
        except EndTooFarAhead:
            return refused(422, _TOO_FAR)
        return go(f"/sessions/{session_id}")


def _moment(given: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment that a clinic's clock showed so, or None when it is none."""
    try:
        return datetime.fromisoformat(given.strip()).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _patient_drawn(
    request: Request,
    db: Session,
    staff: SignedInStaff,
    patient_id: UUID,
    now: datetime,
    *,
    wrong: str | None = None,
) -> Response:
    page = patient_page(db, staff.clinic, patient_id, by=staff.name, now=now)
    return draw_staff(
        request, "patient", staff, status=422 if wrong else 200, page=page, wrong=wrong
    )


def _session_drawn(
    request: Request,
    db: Session,
    staff: SignedInStaff,
    session_id: UUID,
    now: datetime,
    *,
    status: int = 200,
    wrong: dict[str, str] | None = None,
) -> Response:
    page = session_page(db, staff.clinic, session_id, by=staff.name, now=now)
    return draw_staff(request, "session", staff, status=status, page=page, wrong=wrong or {})
