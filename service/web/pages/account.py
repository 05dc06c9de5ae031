"""The page of one's own account: password, recovery codes, and signing out everywhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.pathway.invitations import NotTaken
from service.pathway.own_account import (
    change_password,
    own_account,
    renew_recovery_codes,
    sign_out_everywhere,
)
from service.web.deps import Db, WallNow
from service.web.pages.staff import SignedIn, cookies_of, draw_staff, go, staff_routes

Words = Annotated[str, Form()]


def router() -> APIRouter:
    """Return the routes under `/account`."""
    routes = staff_routes("/account")

    @routes.get("")
    def look(request: Request, db: Db, staff: SignedIn, changed: bool = False) -> Response:
        return _drawn(request, db, staff, changed=changed)

    @routes.post("/password")
    def password(
        request: Request,
        db: Db,
        staff: SignedIn,
        now: WallNow,
        old: Words = "",
        new: Words = "",
    ) -> Response:
        wrong = change_password(db, staff, old, new, now)
        if wrong:
            return _drawn(request, db, staff, wrong=wrong)
        return go("/account?changed=true")

    @routes.post("/recovery-codes")
    def codes(
        request: Request, db: Db, staff: SignedIn, now: WallNow, password: Words = ""
    ) -> Response:
        codes = renew_recovery_codes(db, staff, password, now)
        if isinstance(codes, NotTaken):
            return _drawn(request, db, staff, wrong=codes)
        return draw_staff(request, "recovery_codes", staff, codes=codes, first=False)

    @routes.post("/sign-out-everywhere")
    def everywhere(request: Request, db: Db, staff: SignedIn, now: WallNow) -> Response:
        sign_out_everywhere(db, staff, now)
        response = go("/sign-in")
        cookies_of(request).drop_sign_in(response)
        return response

    return routes


def _drawn(
    request: Request,
    db: Db,
    staff: SignedIn,
    *,
    wrong: NotTaken | None = None,
    changed: bool = False,
) -> Response:
    return draw_staff(
        request,
        "account",
        staff,
        status=422 if wrong else 200,
        account=own_account(db, staff),
        wrong=wrong,
        changed=changed,
    )
