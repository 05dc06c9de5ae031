"""The pages that give somebody an account: the first start, and an invitation."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Form, HTTPException, Request, Response
from markupsafe import Markup

from service.pathway.administration import NotPossible
from service.pathway.first_start import SetUpAlready, is_set_up, set_up
from service.pathway.invitations import (
    LinkIsOver,
    NotTaken,
    accept,
    invitation_of,
    join,
)
from service.pathway.signing_in import who_is
from service.web.deps import Db, WallNow
from service.web.pages.staff import cookies_of, draw_staff, go, open_routes
from service.web.pages.zones import zone_choices

Words = Annotated[str, Form()]

_EMPTY = {
    "code": "",
    "clinic_name": "",
    "time_zone": "America/Chicago",
    "phone": "",
    "name": "",
    "email": "",
}


def router() -> APIRouter:
    """Return the routes of `/set-up` and `/invitation`."""
    routes = open_routes()

    @routes.get("/set-up")
    def first_start(request: Request, db: Db) -> Response:
        if is_set_up(db):
            raise HTTPException(404)
        return _drawn_set_up(request, _EMPTY, None)

    @routes.post("/set-up")
    def begin(
        request: Request,
        db: Db,
        now: WallNow,
        code: Words = "",
        clinic_name: Words = "",
        time_zone: Words = "",
        phone: Words = "",
        name: Words = "",
        email: Words = "",
    ) -> Response:
        given = {
            "code": code,
            "clinic_name": clinic_name,
            "time_zone": time_zone,
            "phone": phone,
            "name": name,
            "email": email,
        }
        try:
            token = set_up(db, now=now, **given)
        except SetUpAlready as error:
            raise HTTPException(404) from error
        except NotPossible as error:
            return _drawn_set_up(request, given, str(error).partition(": ")[2])
        return go(f"/invitation/{token}")

    @routes.get("/invitation/{token}")
    def look(request: Request, token: str, db: Db, now: WallNow) -> Response:
        return _drawn(request, db, token, now)

    @routes.post("/invitation/{token}")
    def take(
        request: Request,
        token: str,
        db: Db,
        now: WallNow,
        password: Words = "",
        code: Words = "",
    ) -> Response:
        taken = accept(db, token, password, code, now)
        if isinstance(taken, NotTaken):
            return _drawn(request, db, token, now, wrong=taken)
        return draw_staff(request, "recovery_codes", codes=taken.recovery_codes, first=True)

    @routes.post("/invitation/{token}/join")
    def join_clinic(request: Request, token: str, db: Db, now: WallNow) -> Response:
        cookie = cookies_of(request).sign_in
        found = who_is(db, cookie, now) if cookie else None
        if found is None:
            raise LinkIsOver
        join(db, token, found.account_id, now)
        return go("/clinics")

    return routes


def _drawn(
    request: Request, db: Db, token: str, now: WallNow, *, wrong: NotTaken | None = None
) -> Response:
    invitation = invitation_of(db, token, now)
    if invitation.account_id is not None:
        cookie = cookies_of(request).sign_in
        found = who_is(db, cookie, now) if cookie else None
        may_join = found is not None and found.account_id == invitation.account_id
        return draw_staff(
            request, "invitation_join", invitation=invitation, token=token, may_join=may_join
        )
    return draw_staff(
        request,
        "invitation",
        status=422 if wrong else 200,
        invitation=invitation,
        token=token,
        qr=_qr(invitation.uri),
        wrong=wrong,
    )


def _drawn_set_up(request: Request, given: dict[str, str], wrong: str | None) -> Response:
    return draw_staff(
        request,
        "set_up",
        status=422 if wrong else 200,
        given=given,
        wrong=wrong,
        zones=zone_choices(),
    )


def _qr(uri: str) -> Markup:
    """Return a QR code as a drawing in the page: no address is asked for it, nothing is stored."""
    drawn = segno.make(uri, error="m").svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    # The library draws it from our own address; nothing of it is anybody's text.
    return Markup(drawn)  # noqa: S704
