"""Texts and email, for admins: from where they go out, a test to oneself, an end to a stop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from service.domain.values import Channel
from service.pathway.administration import NotPossible, resume_sending
from service.pathway.glance import glance
from service.pathway.on_call import on_staff
from service.pathway.proving import proofs, prove
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now, get_parts
from service.web.pages.staff import Admin, draw_staff, go, staff_routes


def router() -> APIRouter:
    """Return the routes under `/settings/sending`."""
    routes = staff_routes("/settings/sending", admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, now: Now, staff: Admin, done: str = "") -> Response:
        return _drawn(request, db, now, staff, done=done == "resumed")

    @routes.post("/test")
    def test(
        request: Request, db: Db, now: Now, staff: Admin, by: Annotated[Channel, Form()]
    ) -> Response:
        me = on_staff(db, staff.clinic_id, staff.staff_id)
        wrong = prove(db, staff, me, now, by=by)
        if wrong:
            return _drawn(request, db, now, staff, problems={by.value: wrong})
        return go("/settings/sending#tests")

    @routes.post("/resume")
    def resume(db: Db, now: Now, staff: Admin) -> Response:
        try:
            resume_sending(db, staff.clinic, now, actor=staff.name)
        except NotPossible:
            # Somebody else was quicker: what was wanted is so.
            return go("/settings/sending")
        return go("/settings/sending?done=resumed")

    return routes


def _drawn(
    request: Request,
    db: Session,
    now: datetime,
    staff: SignedInStaff,
    *,
    problems: dict[str, str] | None = None,
    done: bool = False,
) -> Response:
    parts = get_parts(request)
    return draw_staff(
        request,
        "settings_sending",
        staff,
        status=422 if problems else 200,
        clinic=staff.clinic,
        me=on_staff(db, staff.clinic_id, staff.staff_id),
        providers={channel.value: parts.providers.get(channel) for channel in Channel},
        glance=glance(db, staff.clinic, now, parts.speed),
        tests=proofs(db, staff.clinic, now, parts.speed, only=staff.staff_id),
        problems=problems or {},
        done=done,
    )
