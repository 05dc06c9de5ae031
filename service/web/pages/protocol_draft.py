"""The clinic's draft of the protocol: changed here, tried on the past, approved by name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from service.domain.windows import zone_named
from service.pathway.draft_reading import show_draft
from service.pathway.drafting import (
    LONGEST_NAME,
    NoDraft,
    TipsAndScores,
    approve,
    change_tips_and_scores,
    open_draft,
    throw_away,
)
from service.pathway.dry_run import dry_run
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now, WallNow
from service.web.pages.staff import Admin, draw_staff, go, staff_routes

_HERE = "/settings/protocol/draft"
Words = Annotated[str, Form(max_length=200)]
Many = Annotated[list[str], Form(max_length=50)]


def router() -> APIRouter:
    """Return the routes under `/settings/protocol/draft`."""
    routes = staff_routes(_HERE, admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, staff: Admin, done: str = "") -> Response:
        return _drawn(request, db, staff, done=done)

    @routes.post("")
    def begin(db: Db, now: Now, staff: Admin) -> Response:
        open_draft(db, staff, now)
        return go(f"{_HERE}/dry-run")

    @routes.post("/tips-and-scores")
    def tips_and_scores(
        request: Request,
        db: Db,
        now: Now,
        staff: Admin,
        tip: Many = [],  # noqa: B006
        due: Many = [],  # noqa: B006
        send: Many = [],  # noqa: B006
        severe_from: Words = "",
        worse_by: Words = "",
    ) -> Response:
        typed = TipsAndScores(
            sent=frozenset(send),
            due=dict(zip(tip, due, strict=False)),
            pain={"severe_from": severe_from, "worse_by": worse_by},
        )
        problems = change_tips_and_scores(db, staff, typed, now)
        if problems:
            return _drawn(request, db, staff, status=422, typed=typed, problems=problems)
        return go(f"{_HERE}?done=tips")

    @routes.post("/discard")
    def discard(db: Db, now: Now, staff: Admin) -> Response:
        try:
            throw_away(db, staff, now)
        except NoDraft:
            return go(f"{_HERE}?done=gone")
        return go(f"{_HERE}?done=discarded")

    @routes.get("/dry-run")
    def trial(request: Request, db: Db, now: Now, staff: Admin) -> Response:
        return _tried(request, db, staff, now)

    @routes.post("/approve")
    def sign(
        request: Request,
        db: Db,
        now: Now,
        wall_now: WallNow,
        staff: Admin,
        seen: Annotated[int, Form()] = 0,
        approver: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
        password: Words = "",
    ) -> Response:
        try:
            problems = approve(
                db,
                staff,
                seen=seen,
                approver=approver,
                password=password,
                now=now,
                wall_now=wall_now,
            )
        except NoDraft:
            return go(f"{_HERE}?done=gone")
        if problems:
            return _tried(request, db, staff, now, approver=approver, problems=problems)
        return go("/settings/protocol?done=approved")

    return routes


def _drawn(
    request: Request,
    db: Session,
    staff: SignedInStaff,
    *,
    status: int = 200,
    typed: TipsAndScores | None = None,
    problems: dict[str, str] | None = None,
    done: str = "",
) -> Response:
    return draw_staff(
        request,
        "settings_protocol_draft",
        staff,
        status=status,
        shown=show_draft(db, staff.clinic),
        typed=typed,
        problems=problems or {},
        done=done,
        zone=zone_named(staff.clinic.time_zone),
    )


def _tried(
    request: Request,
    db: Session,
    staff: SignedInStaff,
    now: Now,
    *,
    approver: str = "",
    problems: dict[str, str] | None = None,
) -> Response:
    shown = show_draft(db, staff.clinic)
    if shown.stand.draft is None:
        return go(_HERE)
    return draw_staff(
        request,
        "settings_protocol_dry_run",
        staff,
        status=422 if problems else 200,
        shown=shown,
        draft=shown.stand.draft,
        run=dry_run(db, staff.clinic, shown.stand.draft.version, now),
        approver=approver,
        problems=problems or {},
        zone=zone_named(staff.clinic.time_zone),
    )
