"""Visits from a file are looked at, then enrolled: each of them once, and no older one over newer.

Nothing is stored while they are looked at (`docs/decisions/importing.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.contact import spoken_phone
from service.domain.values import Channel
from service.pathway.enrolment import NewPatient, NewSession, enrol, patient_named
from service.pathway.trial import Trial, try_out
from service.store import audit
from service.store.clinics import Clinic
from service.store.patients import Address, address_of
from service.store.secrets import vault_of
from service.store.sessions import (
    TreatmentSession,
    session_by_external_id,
    sessions_of_patient,
)

IMPORTED = "import:"
"""How the ids of rows begin that have none of their own."""


class Fate(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    HERE = "here"
    """The row was taken before, or its visit was entered in another way on that day."""
    TWICE = "twice"
    """Another row of the file is the same visit."""
    OLDER = "older"
    """The patient has a later visit, whose aftercare this one would end."""


@dataclass(frozen=True)
class Row:
    """A visit, and the row in which it stands; `external_id` is None where the row has none."""

    number: int
    session: NewSession


@dataclass(frozen=True)
class Seen:
    """A row and what becomes of it; times are in the clinic's zone.

    `other` is the row that has the same or a later visit, `known` the session that is here.
    `trial` is what would follow from a new one.
    """

    number: int
    first_name: str
    contact: str
    ended_at: datetime
    regions: tuple[str, ...]
    fate: Fate
    other: int | None = None
    known: UUID | None = None
    patient_id: UUID | None = None
    trial: Trial | None = None


def look(db: Session, clinic: Clinic, rows: Sequence[Row], *, by: str, now: datetime) -> list[Seen]:
    """Return what would become of each row, in the file's order; nothing is stored of them."""
    seen = []
    for row, fate, other in _in_file(rows):
        found = _seen(db, clinic, row, fate, other)
        if found.fate is Fate.NEW:
            trial = try_out(db, clinic, row.session, by=by, now=now)
            found = replace(found, trial=trial)
        seen.append(found)
    _note(db, clinic, "import_checked", seen, by, now)
    return sorted(seen, key=lambda one: one.number)


def take(db: Session, clinic: Clinic, rows: Sequence[Row], *, by: str, now: datetime) -> list[Seen]:
    """Enrol each row that is new, and return what became of all of them, in the file's order.

    They are all stored or, if anything goes wrong, none: the file can simply be taken again.
    """
    # Pressed twice, the second waits, and finds every row here.
    db.execute(select(Clinic.id).where(Clinic.id == clinic.id).with_for_update(key_share=True))
    taken = []
    # Numbers are locked in one order, whatever the file's.
    for row, fate, other in sorted(_in_file(rows), key=lambda one: _contact(one[0])):
        found = _seen(db, clinic, row, fate, other)
        if found.fate is Fate.NEW:
            own = replace(row.session, external_id=_ids(db, row)[0])
            session = enrol(db, clinic, own, by=by, now=now)
            found = replace(found, patient_id=session.patient_id, known=session.id)
        taken.append(found)
    _note(db, clinic, "visits_imported", taken, by, now)
    return sorted(taken, key=lambda one: one.number)


def _in_file(rows: Sequence[Row]) -> Iterator[tuple[Row, Fate, int | None]]:
    """Yield each row with what the rest of the file says of it, and the row that says so."""
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        best = last.setdefault(_person(row), row)
        if row.session.ended_at > best.session.ended_at:
            last[_person(row)] = row
    ids: dict[str, int] = {}
    for row in rows:
        newest, own = last[_person(row)], row.session.external_id
        first = ids.setdefault(own, row.number) if own else row.number
        if newest is not row and newest.session.ended_at == row.session.ended_at:
            yield row, Fate.TWICE, newest.number
        elif first != row.number:
            yield row, Fate.TWICE, first
        elif newest is not row:
            yield row, Fate.OLDER, newest.number
        else:
            yield row, Fate.NEW, None


def _seen(db: Session, clinic: Clinic, row: Row, fate: Fate, other: int | None) -> Seen:
    new, zone = row.session, ZoneInfo(clinic.time_zone)
    seen = Seen(
        number=row.number,
        first_name=new.patient.first_name,
        contact=spoken_phone(new.patient.phone) if new.patient.phone else _contact(row),
        ended_at=new.ended_at.astimezone(zone),
        regions=new.regions,
        fate=fate,
        other=other,
    )
    if fate is not Fate.NEW:
        return seen
    by_id = filter(None, (session_by_external_id(db, clinic.id, one) for one in _ids(db, row)))
    same = next(by_id, None)
    if same is not None:
        return replace(seen, fate=Fate.HERE, known=same.id, patient_id=same.patient_id)
    for session in _visits_of(db, clinic, new.patient):
        if _day(session.ended_at, zone) == _day(new.ended_at, zone):
            return replace(seen, fate=Fate.HERE, known=session.id, patient_id=session.patient_id)
        if session.ended_at > new.ended_at:
            return replace(seen, fate=Fate.OLDER, known=session.id, patient_id=session.patient_id)
    return seen


def _visits_of(db: Session, clinic: Clinic, patient: NewPatient) -> Iterable[TreatmentSession]:
    """Return the sessions of the patient that this row would be one of, newest first."""
    found = [address_of(db, clinic.id, *each) for each in _addresses(patient)]
    known: list[Address] = [address for address in found if address is not None]
    who = patient_named(db, known, patient.first_name)
    return sessions_of_patient(db, clinic.id, who.id) if who else ()


def _ids(db: Session, row: Row) -> list[str]:
    """Return the ids under which a row's session may be stored, the current one first.

    Without an id of its own a visit is known by who came and when it ended. That is stored as a
    keyed hash: whoever reads the table cannot try numbers against it.
    """
    if row.session.external_id:
        return [row.session.external_id]
    told = "\0".join((*_person(row), row.session.ended_at.isoformat()))
    hashes = vault_of(db.get_bind().dialect).lookup_hashes(f"import\0{told}")
    return [f"{IMPORTED}{one.hex()[:40]}" for one in hashes]


def _person(row: Row) -> tuple[str, str]:
    return _contact(row), row.session.patient.first_name.strip().casefold()


def _contact(row: Row) -> str:
    return row.session.patient.phone or row.session.patient.email or ""


def _addresses(patient: NewPatient) -> list[tuple[Channel, str]]:
    given = ((Channel.SMS, patient.phone), (Channel.EMAIL, patient.email))
    return [(channel, value) for channel, value in given if value]


def _day(moment: datetime, zone: ZoneInfo) -> object:
    return moment.astimezone(zone).date()


def _note(
    db: Session, clinic: Clinic, action: str, rows: Sequence[Seen], by: str, now: datetime
) -> None:
    """Write down that a file was looked at or taken, and whose records it led to."""
    audit.record(
        db,
        clinic_id=clinic.id,
        at=now,
        actor=by,
        action=action,
        subject=f"clinic:{clinic.id}",
        new=sum(one.fate is Fate.NEW for one in rows),
        rows=len(rows),
        shown=sorted({str(one.patient_id) for one in rows if one.patient_id}),
    )
