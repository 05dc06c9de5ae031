"""Import: visits from a file are looked at row by row, and the good ones enrolled at one press.

The file travels in the form from step to step; it is never kept here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from service.domain.csv_files import NotATable, text_of
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.spreadsheets import as_csv
from service.domain.values import HealthFlag
from service.pathway.importing import Row, Seen, look, take
from service.pathway.signing_in import SignedInStaff
from service.web.deps import Db, Now
from service.web.pages.import_table import (
    COLUMNS,
    LARGEST_FILE,
    MOST_ROWS,
    Fault,
    ReadRow,
    Table,
    read_table,
)
from service.web.pages.staff import SignedIn, draw_staff, staff_routes

_LARGEST_BODY = 1024 * 1024
"""Bytes; twice what a file may have. The form parser keeps that much in memory, not on a disk."""
_TOO_LARGE = f"This is larger than {LARGEST_FILE // 1024} KB. Take it in several files."

DayFirst = Annotated[bool, Form()]
Kept = Annotated[str, Form()]
"""The file's text, as the page before gave it to the form."""


def router() -> APIRouter:
    """Return the routes under `/import`."""
    routes = staff_routes("/import", largest_body=_LARGEST_BODY)

    @routes.get("")
    def begin(request: Request, staff: SignedIn) -> Response:
        return _asked(request, staff)

    @routes.get("/template.csv")
    def template(staff: SignedIn, now: Now) -> Response:
        return _file("aftercare-import.csv", _template(staff, now))

    @routes.post("/check")
    def check(
        request: Request,
        db: Db,
        staff: SignedIn,
        now: Now,
        day_first: DayFirst = False,
        file: Annotated[UploadFile | None, File()] = None,
        pasted: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            text = _text(file, pasted)
            table = _read(text, staff, day_first, now)
        except NotATable as error:
            again = {"pasted": pasted, "day_first": day_first, "wrong": str(error)}
            return _asked(request, staff, status=422, **again)
        seen = look(db, staff.clinic, _rows(table), by=staff.name, now=now)
        shown = _shown(table, seen)
        return draw_staff(request, "import_check", staff, text=text, day_first=day_first, **shown)

    @routes.post("/enrol")
    def enrol(
        request: Request,
        db: Db,
        staff: SignedIn,
        now: Now,
        text: Kept = "",
        day_first: DayFirst = False,
    ) -> Response:
        try:
            table = _read(text, staff, day_first, now)
        except NotATable as error:
            return _asked(request, staff, status=422, wrong=str(error))
        seen = take(db, staff.clinic, _rows(table), by=staff.name, now=now)
        shown = _shown(table, seen)
        return draw_staff(request, "import_done", staff, text=text, day_first=day_first, **shown)

    @routes.post("/left-out.csv")
    def left_out(
        request: Request, staff: SignedIn, now: Now, text: Kept = "", day_first: DayFirst = False
    ) -> Response:
        try:
            table = _read(text, staff, day_first, now)
        except NotATable as error:
            return _asked(request, staff, status=422, wrong=str(error))
        return _file("left-out.csv", _left_out(table))

    return routes


def _text(file: UploadFile | None, pasted: str) -> str:
    """Return what was chosen or pasted as text; raises `NotATable`."""
    data = file.file.read(LARGEST_FILE + 1) if file is not None else b""
    if len(data) > LARGEST_FILE or len(pasted.encode()) > LARGEST_FILE:
        raise NotATable(_TOO_LARGE)
    if not data and not pasted.strip():
        raise NotATable("Choose a file, or paste the rows with their headings.")
    return text_of(data) if data else pasted


def _read(text: str, staff: SignedInStaff, day_first: bool, now: datetime) -> Table:
    zone = ZoneInfo(staff.clinic.time_zone)
    return read_table(text, day_first=day_first, zone=zone, now=now)


def _rows(table: Table) -> list[Row]:
    return [Row(number, session) for number, session in table.good]


def _shown(table: Table, seen: Sequence[Seen]) -> dict[str, Any]:
    return {
        "table": table,
        "seen": seen,
        "counts": Counter(one.fate.value for one in seen),
        "calls": sum(len(one.trial.tasks) for one in seen if one.trial),
    }


def _asked(request: Request, staff: SignedInStaff, *, status: int = 200, **more: Any) -> Response:
    given: dict[str, Any] = {"pasted": "", "day_first": False, "wrong": None}
    regions = load_protocol(CURRENT_VERSION).regions
    return draw_staff(
        request,
        "import",
        staff,
        status=status,
        columns=COLUMNS,
        most=MOST_ROWS,
        regions=[code for code in regions if code != "generic"],
        health_flags=[one.value for one in HealthFlag],
        **(given | more),
    )


def _template(staff: SignedInStaff, now: datetime) -> list[list[str]]:
    """Return the headings, and a row as it may be filled in."""
    ended = now.astimezone(ZoneInfo(staff.clinic.time_zone)) - timedelta(minutes=30)
    examples = [
        ended.strftime("%Y-%m-%d %H:%M") if one.name == "ended_at" else one.example
        for one in COLUMNS
    ]
    return [[one.name for one in COLUMNS], examples]


def _left_out(table: Table) -> list[list[str]]:
    """Return the rows in which something must change, with what, under the file's headings."""
    wide = len(table.headings)
    return [
        [*table.headings, "what_to_do"],
        *[[*_wide(row, wide), " ".join(map(_told, row.faults))] for row in table.bad],
    ]


def _wide(row: ReadRow, wide: int) -> list[str]:
    return [*row.cells[:wide], *[""] * (wide - len(row.cells))]


def _told(fault: Fault) -> str:
    return f"{fault.column}: {fault.what}" if fault.column else fault.what


def _file(name: str, rows: list[list[str]]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)
