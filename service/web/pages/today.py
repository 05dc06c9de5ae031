"""Today: who was treated, what goes out next, what came back; and looking for a patient."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.pathway.day import day_of
from service.pathway.finding import find
from service.web.deps import Db, Now
from service.web.pages.staff import SignedIn, draw_staff, staff_routes


def router() -> APIRouter:
    """Return the routes of the first page and of search, whose words never stand in an address."""
    routes = staff_routes()

    @routes.get("/today")
    def today(request: Request, db: Db, staff: SignedIn, now: Now) -> Response:
        return draw_staff(
            request, "today", staff, day=day_of(db, staff.clinic, by=staff.name, now=now)
        )

    @routes.get("/search")
    def ask(request: Request, staff: SignedIn) -> Response:
        return draw_staff(request, "search", staff, words="", answer=None)

    @routes.post("/search")
    def search(
        request: Request,
        db: Db,
        staff: SignedIn,
        now: Now,
        words: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        words = words.strip()
        answer = find(db, staff.clinic_id, words, by=staff.name, now=now) if words else None
        return draw_staff(request, "search", staff, words=words, answer=answer)

    return routes
