"""Staff, for admins: who works here, in which role; an invitation is shown once."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request, Response
from sqlalchemy.orm import Session

from service.domain.values import Role
from service.pathway.people import (
    NewPerson,
    PersonNotFound,
    add_person,
    change_role,
    disable_person,
    enable_person,
    invite_again,
    people_of,
)
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now, WallNow, get_parts
from service.web.pages.staff import Admin, draw_staff, go, staff_routes

Words = Annotated[str, Form(max_length=300)]
_DONE = {
    "role": "The role is changed. They sign in again, as what they are now.",
    "disabled": "They cannot sign in here any more, and get no notices.",
    "enabled": "They may sign in here again, as before.",
}


def router() -> APIRouter:
    """Return the routes under `/settings/staff`."""
    routes = staff_routes("/settings/staff", admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, staff: Admin, done: str = "") -> Response:
        return _drawn(request, db, staff, done=_DONE.get(done))

    @routes.post("")
    def add(
        request: Request,
        db: Db,
        now: Now,
        wall_now: WallNow,
        staff: Admin,
        role: Annotated[Role, Form()] = Role.THERAPIST,
        name: Words = "",
        email: Words = "",
        password: Words = "",
    ) -> Response:
        new = NewPerson(" ".join(name.split()), email.strip(), role)
        added = add_person(db, staff, new, password, now, wall_now)
        if isinstance(added, dict):
            return _drawn(request, db, staff, status=422, typed=new, problems=added)
        return _drawn(request, db, staff, link=_link(request, added))

    @routes.post("/{person_id}/invite")
    def invite(
        request: Request, person_id: UUID, db: Db, wall_now: WallNow, staff: Admin
    ) -> Response:
        try:
            token = invite_again(db, staff, person_id, wall_now)
        except PersonNotFound:
            raise HTTPException(404) from None
        return _drawn(request, db, staff, link=_link(request, token))

    @routes.post("/{person_id}/role")
    def role(
        person_id: UUID, db: Db, now: Now, staff: Admin, role: Annotated[Role, Form()]
    ) -> Response:
        try:
            change_role(db, staff, person_id, role, now)
        except PersonNotFound:
            raise HTTPException(404) from None
        return go("/settings/staff?done=role")

    @routes.post("/{person_id}/disable")
    def disable(person_id: UUID, db: Db, now: Now, staff: Admin) -> Response:
        try:
            disable_person(db, staff, person_id, now)
        except PersonNotFound:
            raise HTTPException(404) from None
        return go("/settings/staff?done=disabled")

    @routes.post("/{person_id}/enable")
    def enable(person_id: UUID, db: Db, now: Now, staff: Admin) -> Response:
        try:
            enable_person(db, staff, person_id, now)
        except PersonNotFound:
            raise HTTPException(404) from None
        return go("/settings/staff?done=enabled")

    return routes


def _link(request: Request, token: str) -> str:
    return f"{get_parts(request).public_url}/invitation/{token}"


def _drawn(
    request: Request, db: Session, staff: SignedInStaff, *, status: int = 200, **more: Any
) -> Response:
    """Draw the page; `link` is an invitation that only this answer shows."""
    given: dict[str, Any] = {"link": None, "typed": None, "problems": {}, "done": None}
    people = people_of(db, staff)
    return draw_staff(
        request, "settings_staff", staff, status=status, people=people, **(given | more)
    )
