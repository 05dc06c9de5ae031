"""How are we doing: whether what should be running runs, in words for people at reception."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.pathway.standing import standing
from service.web.deps import Db, Now, Parts
from service.web.pages.staff import SignedIn, draw_staff, staff_routes


def router() -> APIRouter:
    """Return the route of `/how-are-we-doing`."""
    routes = staff_routes()

    @routes.get("/how-are-we-doing")
    def show(request: Request, db: Db, now: Now, staff: SignedIn, parts: Parts) -> Response:
        shown = standing(db, staff.clinic, now, parts.speed)
        return draw_staff(request, "standing", staff, shown=shown)

    return routes
