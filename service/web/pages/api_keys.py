"""API keys, for admins: which there are, a new one shown once, and an end to any of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request, Response
from sqlalchemy.orm import Session

from service.domain.windows import zone_named
from service.pathway.api_keys import KeyNotFound, disable_key, keys_of, make_key
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now, WallNow
from service.web.pages.staff import Admin, draw_staff, go, staff_routes

Words = Annotated[str, Form(max_length=200)]


def router() -> APIRouter:
    """Return the routes under `/settings/api-keys`."""
    routes = staff_routes("/settings/api-keys", admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, staff: Admin, done: str = "") -> Response:
        return _drawn(request, db, staff, done=done == "disabled")

    @routes.post("")
    def make(
        request: Request,
        db: Db,
        now: Now,
        wall_now: WallNow,
        staff: Admin,
        name: Words = "",
        password: Words = "",
    ) -> Response:
        name = " ".join(name.split())
        made = make_key(db, staff, name, password, now, wall_now)
        if isinstance(made, dict):
            return _drawn(request, db, staff, status=422, typed=name, problems=made)
        # No other page than this answer ever shows it: it is stored nowhere.
        return _drawn(request, db, staff, token=made, made=name)

    @routes.post("/{key_id}/disable")
    def end(key_id: UUID, db: Db, now: Now, staff: Admin) -> Response:
        try:
            disable_key(db, staff, key_id, now)
        except KeyNotFound:
            raise HTTPException(404) from None
        return go("/settings/api-keys?done=disabled")

    return routes


def _drawn(
    request: Request, db: Session, staff: SignedInStaff, *, status: int = 200, **more: Any
) -> Response:
    given: dict[str, Any] = {"typed": "", "made": "", "token": None, "problems": {}, "done": False}
    return draw_staff(
        request,
        "settings_api_keys",
        staff,
        status=status,
        keys=keys_of(db, staff),
        zone=zone_named(staff.clinic.time_zone),
        **(given | more),
    )
