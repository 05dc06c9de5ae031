"""A patient is looked for by their number or by their name, among the clinic's own."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.contact import ContactError, parse_phone
from service.domain.values import Channel
from service.store import audit
from service.store.patients import (
    Address,
    Patient,
    address_of,
    addresses_by_id,
    first_names,
    patients_at,
    patients_by_id,
)
from service.store.sessions import TreatmentSession, newest_sessions

LOOKED_THROUGH = 10_000
"""Newest patients whose names are opened in one search (`docs/decisions/search.md`)."""
MOST_SHOWN = 25


@dataclass(frozen=True)
class Found:
    """One patient of a search's answer; `ending` is the end of their number, to tell them apart."""

    id: UUID
    first_name: str | None
    ending: str | None
    last_treated: datetime | None
    regions: tuple[str, ...]
    stopped: bool


@dataclass(frozen=True)
class Answer:
    """What a search found. `by_number`: the words were read as a number, which is exact."""

    found: tuple[Found, ...]
    by_number: bool
    more: bool
    """There are more of that name than are shown: the number tells them apart."""
    all_seen: bool
    """False when the clinic has so many patients that the oldest were not looked at."""


def find(db: Session, clinic_id: UUID, words: str, *, by: str, now: datetime) -> Answer:
    """Look for a patient; that one looked, and who was shown, is written down."""
    phone = _phone_in(words)
    ids, all_seen = (
        (_at_number(db, clinic_id, phone), True) if phone else _by_name(db, clinic_id, words)
    )
    shown = ids[:MOST_SHOWN]
    audit.record(
        db,
        clinic_id=clinic_id,
        at=now,
        actor=by,
        action="patients_searched",
        subject=f"clinic:{clinic_id}",
        by="number" if phone else "name",
        shown=[str(one) for one in shown],
    )
    return Answer(_found(db, shown), bool(phone), len(ids) > MOST_SHOWN, all_seen)


def plain(words: str) -> str:
    """Return a name as it is compared: `José` is found as `jose`."""
    folded = words.casefold().strip()
    if folded.isascii():
        return folded
    spread = unicodedata.normalize("NFKD", folded)
    return "".join(one for one in spread if not unicodedata.combining(one))


def _phone_in(words: str) -> str | None:
    try:
        return parse_phone(words)
    except ContactError:
        return None


def _at_number(db: Session, clinic_id: UUID, phone: str) -> list[UUID]:
    address = address_of(db, clinic_id, Channel.SMS, phone)
    return [patient.id for patient in patients_at(db, address.id)] if address else []


def _by_name(db: Session, clinic_id: UUID, words: str) -> tuple[list[UUID], bool]:
    """Return who is named so, newest first, and whether every name was looked at."""
    wanted = plain(words)
    if not wanted:
        return [], True
    seen, found = 0, []
    for patient_id, name in first_names(db, clinic_id, LOOKED_THROUGH):
        seen += 1
        # A space before it: "Ana María" is found by either name, and by both.
        if f" {wanted}" in f" {plain(name)}":
            found.append(patient_id)
    return found, seen < LOOKED_THROUGH


def _found(db: Session, ids: list[UUID]) -> tuple[Found, ...]:
    patients = patients_by_id(db, ids)
    numbers = addresses_by_id(
        db, [one.phone_address_id for one in patients.values() if one.phone_address_id]
    )
    newest = newest_sessions(db, ids)
    return tuple(_line(patients[one], numbers, newest.get(one)) for one in ids)


def _line(
    patient: Patient, numbers: Mapping[UUID, Address], last: TreatmentSession | None
) -> Found:
    number = numbers.get(patient.phone_address_id) if patient.phone_address_id else None
    return Found(
        id=patient.id,
        first_name=patient.first_name,
        ending=number.value[-4:] if number and number.value else None,
        last_treated=last.ended_at if last else None,
        regions=tuple(last.regions) if last else (),
        stopped=not patient.in_care(),
    )
