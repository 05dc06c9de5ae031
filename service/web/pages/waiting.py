"""Loose ends on one page, each with what to do about it: say who it is, correct a number, phone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request, Response
from sqlalchemy.orm import Session

from service.domain.contact import ContactError, parse_phone
from service.pathway.callbacks import FlagNotFound
from service.pathway.finding import find
from service.pathway.loose_ends import correct_number_of, loose_ends
from service.pathway.new_number import NumberTakesNoTexts, SameNumber
from service.pathway.shared_phones import NotOneOfThem, say_who_the_stranger_is
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now
from service.web.pages.calls import FlagId
from service.web.pages.staff import Admin, draw_staff, go, staff_routes

_DONE = ("named", "number")

Words = Annotated[str, Form(max_length=200)]


def router() -> APIRouter:
    """Return the routes under `/waiting`, for admins."""
    routes = staff_routes("/waiting", admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, now: Now, staff: Admin, done: str = "") -> Response:
        return _drawn(request, db, now, staff, done=done if done in _DONE else None)

    @routes.post("/{flag_id}/find")
    def look(
        request: Request, flag_id: FlagId, db: Db, now: Now, staff: Admin, words: Words = ""
    ) -> Response:
        words = words.strip()
        answer = find(db, staff.clinic_id, words, by=staff.name, now=now) if words else None
        return _drawn(request, db, now, staff, about=flag_id, words=words, answer=answer)

    @routes.post("/{flag_id}/named")
    def name(
        flag_id: FlagId, db: Db, now: Now, staff: Admin, patient_id: Annotated[UUID, Form()]
    ) -> Response:
        try:
            say_who_the_stranger_is(
                db, staff.clinic_id, flag_id, patient_id, by=staff.name, now=now
            )
        except (FlagNotFound, NotOneOfThem):
            raise HTTPException(404) from None
        return go("/waiting?done=named")

    @routes.post("/{flag_id}/number")
    def correct(
        request: Request, flag_id: FlagId, db: Db, now: Now, staff: Admin, phone: Words = ""
    ) -> Response:
        try:
            number = parse_phone(phone)
            correct_number_of(db, staff.clinic_id, flag_id, number, by=staff.name, now=now)
        except NotOneOfThem:
            raise HTTPException(404) from None
        except ContactError as error:
            wrong = f"This {error}."
        except SameNumber:
            wrong = "This is the number that we have. Ask the patient for another one."
        except NumberTakesNoTexts:
            wrong = "This number takes no texts from the clinic: it opted out, or is a landline."
        else:
            return go("/waiting?done=number")
        return _drawn(request, db, now, staff, status=422, about=flag_id, words=phone, wrong=wrong)

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
    """Draw the page; `about` is the flag whose form was sent, the rest what came of it."""
    given = {"about": None, "words": "", "answer": None, "wrong": None, "done": None}
    shown = loose_ends(db, staff.clinic, staff.name, now)
    return draw_staff(request, "waiting", staff, status=status, shown=shown, **(given | more))
