"""Insights: a clinic's figures on a page, by who treated, where and when; and as a file."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.routing import APIRouter

from service.domain.insights import HOUR_BANDS, SMALLEST_GROUP
from service.domain.spreadsheets import as_csv
from service.pathway.insights import LONGEST_SPAN, Wanted, insights, note_export, usual
from service.pathway.insights_file import rows_of
from service.store.clinics import Clinic
from service.web.deps import Db, Now
from service.web.pages.staff import Admin, draw_staff, staff_routes

_LONGEST = 200


class Filter:
    """What was chosen in the form above the figures; a date that is none is told, not refused."""

    def __init__(
        self,
        since: Annotated[str, Query(alias="from", max_length=_LONGEST)] = "",
        until: Annotated[str, Query(alias="to", max_length=_LONGEST)] = "",
        by: Annotated[str, Query(max_length=_LONGEST)] = "",
        region: Annotated[str, Query(max_length=_LONGEST)] = "",
    ) -> None:
        self._since, self._until, self._by, self._region = since, until, by, region

    def read(self, clinic: Clinic, now: datetime) -> tuple[Wanted, str | None]:
        """Return what is wanted, and what is wrong with what was typed; then the usual is shown."""
        plain = usual(clinic, now)
        try:
            since = date.fromisoformat(self._since) if self._since else plain.since
            until = date.fromisoformat(self._until) if self._until else plain.until
        except ValueError:
            since, until = plain.since, plain.until
            wrong: str | None = "Type both dates as year-month-day."
        else:
            wrong = _wrong(since, until)
            if wrong:
                since, until = plain.since, plain.until
        return Wanted(since, until, self._by or None, self._region or None), wrong


Filtered = Annotated[Filter, Depends()]


def router() -> APIRouter:
    """Return the routes under `/insights`, for admins."""
    routes = staff_routes("/insights", admins_only=True)

    @routes.get("")
    def show(request: Request, db: Db, now: Now, staff: Admin, asked: Filtered) -> Response:
        wanted, wrong = asked.read(staff.clinic, now)
        return draw_staff(
            request,
            "insights",
            staff,
            status=422 if wrong else 200,
            shown=insights(db, staff.clinic, wanted, now),
            wrong=wrong,
            smallest=SMALLEST_GROUP,
            bands={one.key: one.name for one in HOUR_BANDS},
        )

    @routes.get("/figures.csv")
    def export(db: Db, now: Now, staff: Admin, asked: Filtered) -> Response:
        wanted, _ = asked.read(staff.clinic, now)
        shown = insights(db, staff.clinic, wanted, now)
        note_export(db, staff.clinic_id, wanted, staff.name, now)
        name = f"insights-{wanted.since}-{wanted.until}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(
            as_csv(rows_of(shown)), media_type="text/csv; charset=utf-8", headers=headers
        )

    return routes


def _wrong(since: date, until: date) -> str | None:
    if until < since:
        return "The second date is before the first: turn them round."
    if until - since > LONGEST_SPAN:
        return "Choose two years at most."
    if not date(2000, 1, 1) <= since <= until <= date(2100, 1, 1):
        return "Check the year."
    return None
