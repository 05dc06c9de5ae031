"""A clinic's own facts, as its admin sees and changes them: name, phone, zone, hours, holidays."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.call_examples import examples_at, telling_moments
from service.domain.contact import ContactError, parse_phone
from service.domain.deadlines import default_holidays, is_open, next_opening
from service.domain.time_words import moment_words
from service.domain.values import ClinicFacts, OpenHours
from service.domain.windows import UnknownTimeZone, local_day, zone_named
from service.pathway.administration import NotPossible, refuse_what_no_text_carries
from service.pathway.settings_audit import write_down
from service.pathway.signing_in import SignedInStaff
from service.store.clinics import Clinic, clinic_by_name

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_USUAL_DAY = ("08:00", "18:00")
_LONGEST_NAME = 60


@dataclass(frozen=True)
class DayTyped:
    """One weekday as the form has it; the times of a closed day are kept but not used."""

    is_open: bool
    opens: str
    closes: str


@dataclass(frozen=True)
class ClinicTyped:
    """What an admin typed, or what is stored when nothing was. `days` are seven, Monday first."""

    name: str
    phone: str
    time_zone: str
    days: tuple[DayTyped, ...]
    seen: str
    """Which state of the clinic the form was drawn from."""


@dataclass(frozen=True)
class Meaning:
    """A reply flagged then must be called by `call_by`; `was` as it is stored, where it differs."""

    flagged: str
    call_by: tuple[str, ...]
    was: tuple[str | None, ...]


@dataclass(frozen=True)
class ClinicShown:
    """The page: what is typed, what is wrong by field, what it means, and holidays from today."""

    typed: ClinicTyped
    problems: dict[str, str]
    meanings: tuple[Meaning, ...]
    is_draft: bool
    open_words: str
    holidays: tuple[date, ...]
    federal_years: tuple[int, ...]
    """Whose federal holidays are not all listed yet."""


def show_clinic(
    clinic: Clinic,
    now: datetime,
    typed: ClinicTyped | None = None,
    problems: dict[str, str] | None = None,
) -> ClinicShown:
    """Return the clinic as it stands, or what was typed with what that would mean."""
    stored = clinic.facts()
    draft = stored if typed is None or problems else _facts_of(typed, stored)
    today = local_day(now, zone_named(clinic.time_zone))
    years = (today.year, today.year + 1)
    return ClinicShown(
        typed=typed or typed_of(clinic),
        problems=problems or {},
        meanings=tuple(_meanings(draft, stored, now)),
        is_draft=draft != stored,
        open_words=open_words(stored, now),
        holidays=tuple(day for day in sorted(stored.holidays) if day >= today),
        federal_years=tuple(year for year in years if _federal(year, today) - stored.holidays),
    )


def typed_of(clinic: Clinic) -> ClinicTyped:
    """Return what is stored as a form shows it."""
    days = []
    for day in range(7):
        hours = clinic.hours.get(str(day))
        days.append(DayTyped(hours is not None, *(hours or _USUAL_DAY)))
    return ClinicTyped(clinic.name, clinic.phone, clinic.time_zone, tuple(days), _state_of(clinic))


def open_words(clinic: ClinicFacts, now: datetime) -> str:
    """Return `Open now`, or when somebody is at work next."""
    if is_open(now, clinic):
        return "Open now"
    zone = zone_named(clinic.time_zone)
    return f"Closed until {moment_words(next_opening(now, clinic), zone, now)}"


def problems_of(db: Session, clinic: Clinic, typed: ClinicTyped) -> dict[str, str]:
    """Return what keeps it from being saved, by field; empty when nothing does."""
    found: dict[str, str] = {}
    for field, words in (("name", typed.name), ("phone", typed.phone)):
        try:
            refuse_what_no_text_carries(field, words)
        except NotPossible as problem:
            found[field] = _told(problem)
    if not typed.name:
        found["name"] = "Give the clinic's name."
    elif len(typed.name) > _LONGEST_NAME:
        found["name"] = f"Give a shorter name: at most {_LONGEST_NAME} characters."
    elif typed.name != clinic.name and clinic_by_name(db, typed.name) is not None:
        found["name"] = "Another clinic has this name already."
    try:
        parse_phone(typed.phone)
    except ContactError as problem:
        found.setdefault("phone", f"This {problem}.")
    try:
        zone_named(typed.time_zone)
    except UnknownTimeZone as problem:
        found["time_zone"] = f"{problem}."
    return found | _problems_of_days(typed)


def change_clinic(
    db: Session, staff: SignedInStaff, typed: ClinicTyped, now: datetime
) -> dict[str, str]:
    """Store what was typed; return the problems instead when there are any, by field.

    Flags that are open keep the time they were given; everything from now on goes by the new.
    """
    clinic = _locked(db, staff)
    problems = problems_of(db, clinic, typed)
    if typed.seen != _state_of(clinic):
        problems["seen"] = (
            "Somebody else changed the clinic in the meantime. What you typed is kept here: "
            "compare it, then save again."
        )
    if problems:
        return problems
    before = _told_of(clinic)
    clinic.name, clinic.phone, clinic.time_zone = typed.name, typed.phone, typed.time_zone
    clinic.hours = {
        str(number): [day.opens, day.closes] for number, day in enumerate(typed.days) if day.is_open
    }
    after = _told_of(clinic)
    changed = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if changed:
        _record(db, staff, now, "clinic_changed", changed=changed)
    return {}


def add_holiday(db: Session, staff: SignedInStaff, words: str, now: datetime) -> str | None:
    """Close the clinic on a date, as 2026-12-24; return what is wrong with it, or None."""
    clinic = _locked(db, staff)
    today = local_day(now, zone_named(clinic.time_zone))
    try:
        day = date.fromisoformat(words.strip())
    except ValueError:
        return "Give a date."
    if day < today:
        return "This day is over."
    if day > today.replace(year=today.year + 5, day=1):
        return "This is more than five years away: is the year right?"
    _store_holidays(db, staff, clinic, {day}, now)
    return None


def add_federal_holidays(db: Session, staff: SignedInStaff, year: int, now: datetime) -> None:
    """Close the clinic on what is left of a year's US federal holidays: this year's or next's."""
    clinic = _locked(db, staff)
    today = local_day(now, zone_named(clinic.time_zone))
    if year in (today.year, today.year + 1):
        _store_holidays(db, staff, clinic, _federal(year, today), now)


def remove_holiday(db: Session, staff: SignedInStaff, day: date, now: datetime) -> None:
    """Open the clinic on a date again, as on every such weekday."""
    clinic = _locked(db, staff)
    if day.isoformat() in clinic.holidays:
        clinic.holidays = [one for one in clinic.holidays if one != day.isoformat()]
        _record(db, staff, now, "holiday_removed", day=day.isoformat())


def _store_holidays(
    db: Session, staff: SignedInStaff, clinic: Clinic, days: set[date], now: datetime
) -> None:
    new = {day.isoformat() for day in days} - set(clinic.holidays)
    if new:
        clinic.holidays = sorted({*clinic.holidays, *new})
        _record(db, staff, now, "holidays_added", days=sorted(new))


def _federal(year: int, today: date) -> set[date]:
    # A day off that is observed in the year before or after stands in that year's list.
    return {day for day in default_holidays([year]) if day >= today}


def _locked(db: Session, staff: SignedInStaff) -> Clinic:
    """The clinic, so that two admins' changes come one after the other."""
    asked = select(Clinic).where(Clinic.id == staff.clinic_id).with_for_update()
    return db.scalars(asked.execution_options(populate_existing=True)).one()


def _facts_of(typed: ClinicTyped, stored: ClinicFacts) -> ClinicFacts:
    hours = {
        number: OpenHours(time.fromisoformat(day.opens), time.fromisoformat(day.closes))
        for number, day in enumerate(typed.days)
        if day.is_open
    }
    return replace(
        stored, name=typed.name, phone=typed.phone, time_zone=typed.time_zone, hours=hours
    )


def _meanings(draft: ClinicFacts, stored: ClinicFacts, now: datetime) -> list[Meaning]:
    zone = zone_named(draft.time_zone)
    moments = telling_moments(now, draft)
    shown = []
    both = zip(examples_at(moments, draft), examples_at(moments, stored), strict=True)
    for new, old in both:
        words = tuple(moment_words(at, zone, now) for at in new.call_by)
        before = (moment_words(at, zone_named(stored.time_zone), now) for at in old.call_by)
        was = tuple(one if one != word else None for one, word in zip(before, words, strict=True))
        flagged = "now" if new.flagged_at == now else moment_words(new.flagged_at, zone, now)
        shown.append(Meaning(flagged, words, was))
    return shown


def _problems_of_days(typed: ClinicTyped) -> dict[str, str]:
    found = {}
    for number, day in enumerate(typed.days):
        if not day.is_open:
            continue
        try:
            opens, closes = time.fromisoformat(day.opens), time.fromisoformat(day.closes)
        except ValueError:
            found[f"day_{number}"] = f"{WEEKDAYS[number]}: give both times, as 08:00 and 18:00."
            continue
        if opens >= closes:
            found[f"day_{number}"] = f"{WEEKDAYS[number]}: it must close later than it opens."
    if not any(day.is_open for day in typed.days):
        # Deadlines would go by the usual hours then, which nobody chose.
        found["day_0"] = "Open on one day at least: calls are due in opening hours."
    return found


def _told(problem: NotPossible) -> str:
    words = str(problem).partition(": ")[2]
    return words[:1].upper() + words[1:]


def _told_of(clinic: Clinic) -> dict[str, Any]:
    return {
        "name": clinic.name,
        "phone": clinic.phone,
        "time_zone": clinic.time_zone,
        "hours": clinic.hours,
    }


def _state_of(clinic: Clinic) -> str:
    told = json.dumps(_told_of(clinic), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _record(db: Session, staff: SignedInStaff, now: datetime, action: str, **detail: Any) -> None:
    write_down(db, staff, now, action, f"clinic:{staff.clinic_id}", **detail)
