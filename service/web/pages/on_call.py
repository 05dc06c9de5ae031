"""On-call, for admins: who is told in which order, their duties and numbers, and a test notice."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request, Response
from sqlalchemy.orm import Session

from service.pathway.on_call import NotOnStaff, change_person, on_staff, show_chain
from service.pathway.proving import proofs, prove
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now, get_parts
from service.web.pages.staff import Admin, draw_staff, go, staff_routes

Words = Annotated[str, Form(max_length=40)]


def router() -> APIRouter:
    """Return the routes under `/settings/on-call`."""
    routes = staff_routes("/settings/on-call", admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, now: Now, staff: Admin, done: str = "") -> Response:
        return _drawn(request, db, now, staff, done=done if done == "saved" else "")

    @routes.post("/{person_id}")
    def change(
        request: Request,
        person_id: UUID,
        db: Db,
        now: Now,
        staff: Admin,
        duty: Words = "",
        phone: Words = "",
    ) -> Response:
        try:
            problems = change_person(db, staff, person_id, duty, phone, now)
        except NotOnStaff:
            raise HTTPException(404) from None
        if problems:
            typed = {"duty": duty, "phone": phone}
            return _drawn(
                request, db, now, staff, status=422, about=person_id, typed=typed, problems=problems
            )
        return go("/settings/on-call?done=saved")

    @routes.post("/{person_id}/test")
    def test(request: Request, person_id: UUID, db: Db, now: Now, staff: Admin) -> Response:
        try:
            wrong = prove(db, staff, on_staff(db, staff.clinic_id, person_id), now)
        except NotOnStaff:
            raise HTTPException(404) from None
        if wrong:
            problems = {"test": wrong}
            return _drawn(request, db, now, staff, status=422, about=person_id, problems=problems)
        return go("/settings/on-call#tests")

    return routes


def _drawn(
    request: Request,
    db: Session,
    now: datetime,
    staff: SignedInStaff,
    *,
    status: int = 200,
    **more: Any,
) -> Response:
    """Draw the page; `about` is whose form was sent, `problems` what is wrong with it."""
    given: dict[str, Any] = {"about": None, "typed": None, "problems": {}, "done": ""}
    return draw_staff(
        request,
        "settings_on_call",
        staff,
        status=status,
        shown=show_chain(db, staff.clinic, now),
        tests=proofs(db, staff.clinic, now, get_parts(request).speed),
        **(given | more),
    )
