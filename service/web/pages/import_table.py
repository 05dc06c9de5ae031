"""The columns of an import: each row becomes a card as it would have been typed."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from service.domain.csv_files import NotATable, Row, read_rows
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.time_zones import time_zone_names
from service.domain.values import Channel, HealthFlag, HeatIcePlan, Language, TriggerPoints
from service.pathway.enrolment import NewSession
from service.pathway.importing import IMPORTED
from service.web.pages.card_form import SOURCE, Card, check

MOST_ROWS = 100
LARGEST_FILE = 256 * 1024
"""Bytes: 100 rows of 2,600 characters each."""

_LONGEST_ID = 100
_YES = frozenset({"yes", "y", "true", "1", "x", "sí", "si"})
_NO = frozenset({"", "no", "n", "false", "0"})
_MANY = re.compile(r"[/;|+\n]")
_SHORTENED = re.compile(r"\d[.,]\d+e\+\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """One column: the card's field that it fills, and what stands in it."""

    name: str
    field: str
    what: str
    example: str = ""
    needed: bool = False


COLUMNS = (
    Column(
        "row_id", "", "your own number of the visit; the same one is never taken twice", "v-881"
    ),
    Column("first_name", "first_name", "first name", "Ana", needed=True),
    Column("phone", "phone", "number for texts", "281-555-0123"),
    Column("email", "email", "address for emails"),
    Column("language", "language", "en or es; empty is English", "en"),
    Column("time_zone", "time_zone", "only if it is not the clinic's, such as America/Denver"),
    Column("channel", "channel", "sms or email, where the patient agreed to both"),
    Column(
        "ended_at", "ended_at", "when the session ended, by the clinic's clock", "", needed=True
    ),
    Column("regions", "regions", "where was needled; several with / between", "low_back", True),
    Column("pain", "pain", "pain before, 0 to 10", "5"),
    Column("first_session", "first_session", "yes or no", "no"),
    Column("trigger_points", "trigger_points", "low, medium or high; empty is low", "low"),
    Column("heat_ice", "plan", "heat, ice, either or none", "either"),
    Column("health_flags", "health_flags", "what to mind; several with / between"),
    Column("guardian", "guardian", "yes where the number is a parent's", "no"),
    Column("consent_sms", "consent_sms", "yes where the patient agreed to texts", "yes"),
    Column("consent_email", "consent_email", "yes where the patient agreed to emails", "no"),
    Column("consent_details", "consent_details", "yes where texts may name the treatment", "yes"),
)
_BY_NAME = {column.name: column for column in COLUMNS}
_BY_FIELD = {column.field: column.name for column in COLUMNS if column.field}
_YES_OR_NO = ("first_session", "guardian", "consent_sms", "consent_email", "consent_details")

_SAID = {
    "first_name": "Write the patient's first name.",
    "pain": "Write a whole number from 0 to 10, or nothing.",
    "ended_at": "Write day and time as 2026-03-03 11:45.",
}
_NO_CONSENT = "Ask the patient; write yes here or under consent_email. Without it nothing is sent."


@dataclass(frozen=True)
class Fault:
    """What is wrong in one cell, and what to write instead."""

    column: str
    what: str


@dataclass(frozen=True)
class ReadRow:
    """One row: a session as it can be enrolled, or what must change first."""

    number: int
    cells: tuple[str, ...]
    first_name: str
    session: NewSession | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Table:
    """A file that was read; `unread` are headings that mean nothing here."""

    headings: tuple[str, ...]
    rows: tuple[ReadRow, ...]
    unread: tuple[str, ...]

    @property
    def good(self) -> tuple[tuple[int, NewSession], ...]:
        """The rows that can be enrolled, with their numbers."""
        return tuple((row.number, row.session) for row in self.rows if row.session)

    @property
    def bad(self) -> tuple[ReadRow, ...]:
        """The rows in which something must change."""
        return tuple(row for row in self.rows if row.session is None)


def read_table(text: str, *, day_first: bool, zone: ZoneInfo, now: datetime) -> Table:
    """Read every row as a card is read; raises `NotATable`, also when a needed column is missing.

    `day_first` says what 3/4/2026 means. Times are in the clinic's `zone`.
    """
    rows = read_rows(text, MOST_ROWS)
    if not rows:
        raise NotATable("There is nothing in it. The first row names the columns.")
    headings = tuple(re.sub(r"\W+", "_", cell.casefold()).strip("_") for cell in rows[0].cells)
    _check_headings(headings)
    if len(rows) == 1:
        raise NotATable("There are no rows below the headings.")
    read = tuple(_read(row, headings, day_first, zone, now) for row in rows[1:])
    unread = tuple(
        cell
        for cell, heading in zip(rows[0].cells, headings, strict=True)
        if heading not in _BY_NAME and cell
    )
    return Table(rows[0].cells, read, unread)


def _check_headings(headings: Sequence[str]) -> None:
    twice = [name for name in _BY_NAME if headings.count(name) > 1]
    if twice:
        raise NotATable(f"There are two columns named {twice[0]}: take one of them out.")
    missing = [one.name for one in COLUMNS if one.needed and one.name not in headings]
    if "phone" not in headings and "email" not in headings:
        missing.append("phone")
    if "consent_sms" not in headings and "consent_email" not in headings:
        missing.append("consent_sms")
    if missing:
        raise NotATable(
            f"The first row must name the columns, and these are missing: {', '.join(missing)}. "
            "The template has them all."
        )


def _read(
    row: Row, headings: Sequence[str], day_first: bool, zone: ZoneInfo, now: datetime
) -> ReadRow:
    cells = dict(zip(headings, row.cells, strict=False))
    name = cells.get("first_name", "")
    if any(row.cells[len(headings) :]):
        much = Fault("", "There are more cells than headings: put quotation marks around a comma.")
        return ReadRow(row.number, row.cells, name, None, (much,))
    reading = _Reading(cells)
    card = reading.card(day_first)
    checked = check(card, zone, now)
    faults = {**_in_columns(checked.wrong, cells), **reading.faults}
    if faults or checked.session is None:
        told = tuple(Fault(column, what) for column, what in faults.items())
        return ReadRow(row.number, row.cells, name, None, told)
    own = replace(checked.session, external_id=cells.get("row_id") or None)
    return ReadRow(row.number, row.cells, name, own)


def _in_columns(wrong: Mapping[str, str], cells: Mapping[str, str]) -> dict[str, str]:
    """Return what the card says, by column, in words for somebody with a spreadsheet open."""
    columns = {_BY_FIELD[field]: what for field, what in wrong.items()}
    return {column: _told(column, what, cells) for column, what in columns.items()}


def _told(column: str, what: str, cells: Mapping[str, str]) -> str:
    empty = not cells.get(column)
    if column == "consent_sms":
        return _NO_CONSENT
    if column in ("phone", "email") and empty:
        return f"Write it, because consent_{'sms' if column == 'phone' else 'email'} is yes."
    return _SAID[column] if column in _SAID and (empty or column == "pain") else what


class _Reading:
    """One row's cells; `faults` gathers by column what a card could not have held."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells
        self.faults: dict[str, str] = {}

    def card(self, day_first: bool) -> Card:
        """Return the row as it would have been typed."""
        self._row_id()
        self._phone()
        ticked = {name: "yes" if self._yes(name) else "" for name in _YES_OR_NO}
        given = {
            column.field: self._cells.get(column.name, "")
            for column in COLUMNS
            if column.field in ("first_name", "phone", "email", "pain")
        }
        return Card(
            **given,
            **ticked,
            language=self._one_of("language", [one.value for one in Language], _LANGUAGES),
            time_zone=self._time_zone(),
            channel=self._one_of("channel", [one.value for one in Channel], {"text": "sms"}),
            regions=self._several("regions", _regions()),
            trigger_points=self._one_of("trigger_points", [one.value for one in TriggerPoints]),
            plan=self._one_of("heat_ice", [one.value for one in HeatIcePlan], {"": "unset"}),
            health_flags=self._several(
                "health_flags", {one.value: one.value for one in HealthFlag}
            ),
            ended_at=self._ended_at(day_first),
        )

    def _row_id(self) -> None:
        given = self._cells.get("row_id", "")
        if len(given) > _LONGEST_ID or given.startswith((SOURCE, IMPORTED)):
            self.faults["row_id"] = f"Choose another one, of {_LONGEST_ID} characters at most."

    def _phone(self) -> None:
        if _SHORTENED.fullmatch(self._cells.get("phone", "")):
            self.faults["phone"] = (
                "The spreadsheet has shortened this number. Format the column as text there and "
                "write the number again."
            )

    def _yes(self, column: str) -> bool:
        given = self._cells.get(column, "").casefold()
        if given not in _YES | _NO:
            self.faults[column] = "Write yes or no."
        return given in _YES

    def _one_of(
        self, column: str, choices: list[str], also: Mapping[str, str] | None = None
    ) -> str:
        given = self._cells.get(column, "").casefold()
        given = (also or {}).get(given, given)
        if given in choices:
            return given
        if given:
            self.faults[column] = f"Write {', '.join(choices[:-1])} or {choices[-1]}."
        return choices[0]

    def _time_zone(self) -> str:
        given = self._cells.get("time_zone", "")
        if given and given not in time_zone_names():
            self.faults["time_zone"] = "Write it as America/Denver, or nothing."
        return given

    def _several(self, column: str, known: Mapping[str, str]) -> list[str]:
        """Return the codes of everything named in a cell, by code or by name."""
        found = []
        for word in filter(None, map(str.strip, _MANY.split(self._cells.get(column, "")))):
            code = known.get(word.casefold()) or known.get(word.casefold().replace(" ", "_"))
            if code is None:
                near = difflib.get_close_matches(word.casefold(), known, n=1, cutoff=0.5)
                hint = f"Did you mean {known[near[0]]}?" if near else "The page lists them."
                self.faults[column] = f"“{word[:40]}” is none that we know. {hint}"
            else:
                found.append(code)
        if column == "regions" and not found and column not in self.faults:
            self.faults[column] = (
                "Write where was needled, such as low_back; several with / between."
            )
        return found

    def _ended_at(self, day_first: bool) -> str:
        given = self._cells.get("ended_at", "")
        ended = _moment(given, day_first)
        if ended is None:
            self.faults["ended_at"] = _SAID["ended_at"]
            return ""
        return ended


_LANGUAGES = {"english": "en", "spanish": "es", "español": "es", "inglés": "en"}
_DATES = {False: "%m/%d/%Y", True: "%d/%m/%Y"}
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")


def _regions() -> dict[str, str]:
    """Return the codes of the regions by code and by name, in both languages."""
    known: dict[str, str] = {}
    for code, region in load_protocol(CURRENT_VERSION).regions.items():
        if code != "generic":
            known |= {code: code} | {name.casefold(): code for name in region.name.values()}
    return known


def _moment(given: str, day_first: bool) -> str | None:
    """Return a day with its time, by the clinic's clock, as ISO 8601; None for anything else."""
    day, _, clock = given.replace("T", " ").partition(" ")
    date_read = _first(day, _dates(day, day_first))
    time_read = _first(clock.strip().upper(), _TIMES)
    if date_read is None or time_read is None:
        return None
    return f"{time.strftime('%Y-%m-%d', date_read)}T{time.strftime('%H:%M:%S', time_read)}"


def _dates(day: str, day_first: bool) -> tuple[str, ...]:
    if "/" in day:
        return (_DATES[day_first], _DATES[day_first].replace("%Y", "%y"))
    return ("%d.%m.%Y",) if "." in day else ("%Y-%m-%d",)


def _first(given: str, forms: Sequence[str]) -> time.struct_time | None:
    for form in forms:
        try:
            return time.strptime(given, form)
        except ValueError:
            continue
    return None
