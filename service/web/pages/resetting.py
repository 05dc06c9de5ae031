"""The pages of a forgotten password: asking for a link, and what the link opens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.pathway.invitations import NotTaken
from service.pathway.resets import ask_for_reset, look_at_reset, reset
from service.web.deps import Db, Now, WallNow
from service.web.pages.staff import draw_staff, open_routes, visitor_of

Words = Annotated[str, Form()]


def router() -> APIRouter:
    """Return the routes under `/reset`."""
    routes = open_routes("/reset")

    @routes.get("")
    def ask(request: Request) -> Response:
        return draw_staff(request, "reset", asked=False)

    @routes.post("")
    def asked(request: Request, db: Db, wall_now: WallNow, now: Now, email: Words = "") -> Response:
        ask_for_reset(db, email, visitor_of(request), wall_now, send_at=now)
        return draw_staff(request, "reset", asked=True)

    @routes.get("/{token}")
    def look(request: Request, token: str, db: Db, now: WallNow) -> Response:
        return _drawn(request, token, look_at_reset(db, token, now), None)

    @routes.post("/{token}")
    def choose(
        request: Request,
        token: str,
        db: Db,
        now: WallNow,
        password: Words = "",
        code: Words = "",
    ) -> Response:
        email = look_at_reset(db, token, now)
        wrong = reset(db, token, password, code, now)
        if wrong:
            return _drawn(request, token, email, wrong)
        return draw_staff(request, "reset_done")

    return routes


def _drawn(request: Request, token: str, email: str, wrong: NotTaken | None) -> Response:
    return draw_staff(
        request,
        "reset_choose",
        status=422 if wrong else 200,
        token=token,
        email=email,
        wrong=wrong,
    )
