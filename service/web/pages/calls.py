"""The call list and each call's sheet: take, phone, record how it went; live while it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from service.domain.values import CallOutcome
from service.pathway import callbacks
from service.pathway.call_list import call_list, just_recorded, note_reading
from service.pathway.call_sheet import call_sheet
from service.pathway.callbacks import (
    CallRecordedMeanwhile,
    FlagAlreadyClosed,
    FlagNotFound,
    FlagOwnedBySomebodyElse,
)
from service.pathway.shared_phones import NotOneOfThem, say_who_wrote
from service.pathway.signing_in import SignedInStaff
from service.store.call_list import Which
from service.web.deps import Db, Now, Parts
from service.web.pages.forms import tidy
from service.web.pages.live_calls import CallWatch, events_of
from service.web.pages.staff import SignedIn, cookies_of, draw_staff, go, staff_routes

_LONGEST_NOTE = 2000

Start = Annotated[int, Query(ge=0, le=1_000_000)]
Handler = Callable[..., Response]


def flag_named(flag_id: str) -> UUID:
    """Return the id in an address; what is none is as unknown as another clinic's."""
    try:
        return UUID(flag_id)
    except ValueError:
        raise HTTPException(404) from None


FlagId = Annotated[UUID, Depends(flag_named)]


def router(*, live: bool = True) -> APIRouter:
    """Return the routes under `/calls`; without `live` news are told once, and not again."""
    routes = staff_routes("/calls")
    for which in Which:
        routes.get(path_of(which))(_list_of(which))

    @routes.get("/events")
    def events(
        request: Request, parts: Parts, which: Which = Which.EVERY, start: Start = 0
    ) -> Response:
        watch = CallWatch(parts, request, cookies_of(request).sign_in or "", which, start)
        return StreamingResponse(
            events_of(watch, go_on=live),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    @routes.get("/{flag_id}")
    def look(request: Request, flag_id: FlagId, db: Db, now: Now, staff: SignedIn) -> Response:
        return _sheet(request, db, now, staff, flag_id)

    routes.post("/{flag_id}/take")(_take)
    routes.post("/{flag_id}/outcome")(_record)
    routes.post("/{flag_id}/whose")(_say_whose)
    return routes


def _take(request: Request, flag_id: FlagId, db: Db, now: Now, staff: SignedIn) -> Response:
    try:
        callbacks.own(db, staff.clinic_id, flag_id, by=staff.name, now=now)
    except FlagNotFound:
        raise HTTPException(404) from None
    except FlagOwnedBySomebodyElse:
        return _sheet(request, db, now, staff, flag_id, wrong="taken")
    except FlagAlreadyClosed:
        return _sheet(request, db, now, staff, flag_id, wrong="closed")
    return go(f"/calls/{flag_id}")


def _record(
    request: Request,
    flag_id: FlagId,
    db: Db,
    now: Now,
    staff: SignedIn,
    outcome: Annotated[CallOutcome, Form()],
    tries_seen: Annotated[int, Form()],
    note: Annotated[str, Form()] = "",
) -> Response:
    words = tidy(note)
    if len(words) > _LONGEST_NOTE:
        return _sheet(request, db, now, staff, flag_id, wrong="long", note=words)
    given = (staff.clinic_id, flag_id, outcome, words or None, staff.name, now)
    try:
        callbacks.record_call(db, *given, tries_seen=tries_seen)
    except FlagNotFound:
        raise HTTPException(404) from None
    except CallRecordedMeanwhile:
        return _sheet(request, db, now, staff, flag_id, wrong="meanwhile", note=words)
    except FlagAlreadyClosed:
        return _sheet(request, db, now, staff, flag_id, wrong="closed", note=words)
    return go(f"/calls?done={flag_id}")


def _say_whose(
    flag_id: FlagId, db: Db, now: Now, staff: SignedIn, patient_id: Annotated[UUID, Form()]
) -> Response:
    try:
        say_who_wrote(db, staff.clinic_id, flag_id, patient_id, by=staff.name, now=now)
    except (FlagNotFound, NotOneOfThem):
        raise HTTPException(404) from None
    return go(f"/calls/{flag_id}")


def path_of(which: Which) -> str:
    """Return where a list is, below `/calls`."""
    return "" if which is Which.EVERY else f"/{which.value}"


def _list_of(which: Which) -> Handler:
    def show(
        request: Request,
        db: Db,
        now: Now,
        staff: SignedIn,
        parts: Parts,
        start: Start = 0,
        done: UUID | None = None,
    ) -> Response:
        shown = call_list(db, staff.clinic, which, staff.name, now, start=start, speed=parts.speed)
        note_reading(db, staff.clinic_id, (one.flag_id for one in shown.lines), staff.name, now)
        recorded = just_recorded(db, staff.clinic, done, now) if done else None
        return draw_staff(
            request, "calls", staff, shown=shown, lists=list(Which), recorded=recorded
        )

    return show


def _sheet(
    request: Request,
    db: Session,
    now: Now,
    staff: SignedInStaff,
    flag_id: UUID,
    *,
    wrong: str | None = None,
    note: str = "",
) -> Response:
    """Draw a call's sheet; `wrong` names why something was not done."""
    try:
        sheet = call_sheet(db, staff.clinic, flag_id, staff.name, now)
    except FlagNotFound:
        raise HTTPException(404) from None
    status = 200 if wrong is None else 422 if wrong == "long" else 409
    return draw_staff(request, "call", staff, status=status, sheet=sheet, wrong=wrong, note=note)
