"""The pages on which staff sign in: password, code, clinic; and sign out."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request, Response

from service.domain.values import Role
from service.pathway.guessing import TooMany
from service.pathway.signing_in import (
    PasswordTaken,
    SignedInStaff,
    Wrong,
    check_code,
    check_password,
    choose_clinic,
    sign_out,
    who_is,
)
from service.store.clinics import all_clinics, memberships
from service.web.deps import Db, Parts, WallNow
from service.web.pages.staff import (
    Somebody,
    cookies_of,
    draw_staff,
    go,
    open_routes,
    own_path,
    visitor_of,
)

Words = Annotated[str, Form()]

_HOME = {Role.THERAPIST: "/today", Role.ADMIN: "/calls"}


def router() -> APIRouter:
    """Return the routes of signing in and out, and of the first page."""
    routes = open_routes()

    @routes.get("/")
    def home(request: Request, db: Db, now: WallNow) -> Response:
        token = cookies_of(request).sign_in
        found = who_is(db, token, now) if token else None
        if isinstance(found, SignedInStaff):
            return go(_HOME[found.role])
        if found is not None:
            return go("/clinics")
        return go("/sign-in" if all_clinics(db) else "/set-up")

    @routes.get("/sign-in")
    def ask(request: Request, next: str = "/") -> Response:
        return draw_staff(request, "sign_in", email="", next=own_path(next), wrong=None)

    @routes.post("/sign-in")
    def password(
        request: Request,
        parts: Parts,
        now: WallNow,
        email: Words = "",
        password: Words = "",
        next: Words = "/",
    ) -> Response:
        answer = check_password(
            parts.sessions,
            email,
            password,
            visitor_of(request),
            now,
            waive=parts.waive_second_factor,
        )
        if isinstance(answer, Wrong | TooMany):
            return _again(request, "sign_in", answer, email=email, next=own_path(next))
        return _password_taken(request, answer, own_path(next))

    @routes.get("/sign-in/code")
    def ask_code(request: Request, next: str = "/") -> Response:
        if cookies_of(request).sign_in is None:
            return go("/sign-in")
        return draw_staff(request, "sign_in_code", next=own_path(next), wrong=None)

    @routes.post("/sign-in/code")
    def code(
        request: Request, parts: Parts, now: WallNow, code: Words = "", next: Words = "/"
    ) -> Response:
        token = cookies_of(request).sign_in or ""
        answer = check_code(parts.sessions, token, code, visitor_of(request), now)
        if answer is None:
            return go("/sign-in")
        if isinstance(answer, Wrong | TooMany):
            return _again(request, "sign_in_code", answer, next=own_path(next))
        response = go(own_path(next))
        cookies_of(request).keep_sign_in(response, answer.token)
        cookies_of(request).keep_device(response, answer.device)
        return response

    @routes.get("/clinics")
    def clinics(request: Request, db: Db, found: Somebody) -> Response:
        staff = found if isinstance(found, SignedInStaff) else None
        places = memberships(db, found.account_id)
        return draw_staff(request, "clinics", staff, places=places)

    @routes.post("/clinics")
    def choose(
        request: Request, db: Db, now: WallNow, _: Somebody, staff_id: Annotated[UUID, Form()]
    ) -> Response:
        token = choose_clinic(db, cookies_of(request).sign_in or "", staff_id, now)
        if token is None:
            raise HTTPException(404)
        response = go("/")
        cookies_of(request).keep_sign_in(response, token)
        return response

    @routes.post("/sign-out")
    def leave(request: Request, db: Db, now: WallNow) -> Response:
        sign_out(db, cookies_of(request).sign_in or "", now)
        response = go("/sign-in")
        cookies_of(request).drop_sign_in(response)
        # An unsaved card stays in the tab's storage otherwise, for whoever sits down next.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return routes


def _password_taken(request: Request, answer: PasswordTaken, next: str) -> Response:
    response = go(f"/sign-in/code?next={quote(next)}" if answer.needs_code else next)
    cookies_of(request).keep_sign_in(response, answer.token)
    if answer.device:
        cookies_of(request).keep_device(response, answer.device)
    return response


def _again(request: Request, name: str, answer: Wrong | TooMany, **values: Any) -> Response:
    kind = "code" if name == "sign_in_code" else "password"
    if isinstance(answer, Wrong):
        return draw_staff(request, name, status=422, wrong=kind, **values)
    response = draw_staff(
        request, name, status=429, wrong="too_many", seconds=answer.seconds, **values
    )
    response.headers["Retry-After"] = str(answer.seconds)
    return response
