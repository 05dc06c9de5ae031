"""Settings, for admins: what is set up, and the clinic's own facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response

from service.pathway.clinic_settings import (
    WEEKDAYS,
    ClinicTyped,
    DayTyped,
    add_federal_holidays,
    add_holiday,
    change_clinic,
    problems_of,
    remove_holiday,
    show_clinic,
    typed_of,
)
from service.pathway.settings_overview import overview
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now
from service.web.pages.staff import Admin, draw_staff, go, staff_routes
from service.web.pages.zones import zone_choices

Words = Annotated[str, Form(max_length=200)]
_Each = Annotated[list[str], Form(max_length=7)]
_DONE = {
    "saved": "Saved. Flags that are open keep their time; what comes now goes by the new hours.",
    "holidays": "The holidays are changed.",
}


def router() -> APIRouter:
    """Return the routes of `/settings` and `/settings/clinic`."""
    routes = staff_routes("/settings", admins_only=True)

    @routes.get("")
    def index(request: Request, db: Db, now: Now, staff: Admin) -> Response:
        return draw_staff(request, "settings", staff, parts=overview(db, staff.clinic, now))

    @routes.get("/clinic")
    def clinic(request: Request, now: Now, staff: Admin, done: str = "") -> Response:
        return _drawn(request, staff, now, done=_DONE.get(done))

    @routes.post("/clinic")
    def change(
        request: Request,
        db: Db,
        now: Now,
        staff: Admin,
        name: Words = "",
        phone: Words = "",
        time_zone: Words = "",
        opens: _Each = [],  # noqa: B006  FastAPI copies it
        closes: _Each = [],  # noqa: B006
        open_on: _Each = [],  # noqa: B006
        seen: Words = "",
        look: Words = "",
    ) -> Response:
        if len(opens) != 7 or len(closes) != 7:
            raise HTTPException(422)
        days = (
            DayTyped(str(day) in open_on, opens[day].strip(), closes[day].strip())
            for day in range(7)
        )
        name, phone = (" ".join(words.split()) for words in (name, phone))
        typed = ClinicTyped(name, phone, time_zone, tuple(days), seen)
        if look:
            problems = problems_of(db, staff.clinic, typed)
        else:
            problems = change_clinic(db, staff, typed, now)
            if not problems:
                return go("/settings/clinic?done=saved")
        return _drawn(request, staff, now, typed=typed, problems=problems)

    @routes.post("/clinic/holidays")
    def close(request: Request, db: Db, now: Now, staff: Admin, day: Words = "") -> Response:
        wrong = add_holiday(db, staff, day, now)
        if wrong:
            return _drawn(request, staff, now, problems={"day": wrong}, day=day)
        return go("/settings/clinic?done=holidays#holidays")

    @routes.post("/clinic/holidays/remove")
    def reopen(db: Db, now: Now, staff: Admin, day: Annotated[date, Form()]) -> Response:
        remove_holiday(db, staff, day, now)
        return go("/settings/clinic?done=holidays#holidays")

    @routes.post("/clinic/holidays/federal")
    def federal(db: Db, now: Now, staff: Admin, year: Annotated[int, Form()]) -> Response:
        add_federal_holidays(db, staff, year, now)
        return go("/settings/clinic?done=holidays#holidays")

    return routes


def _drawn(
    request: Request,
    staff: SignedInStaff,
    now: datetime,
    *,
    typed: ClinicTyped | None = None,
    problems: dict[str, str] | None = None,
    day: str = "",
    done: str | None = None,
) -> Response:
    if typed and problems and "seen" in problems:
        # Sent once more, it replaces what the other one wrote: the page says so.
        typed = replace(typed, seen=typed_of(staff.clinic).seen)
    shown = show_clinic(staff.clinic, now, typed, problems)
    return draw_staff(
        request,
        "settings_clinic",
        staff,
        status=422 if problems else 200,
        shown=shown,
        weekdays=WEEKDAYS,
        day_typed=day,
        done=done,
        zones=zone_choices(),
    )
