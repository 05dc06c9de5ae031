"""Who is told of a flag that nobody takes, in which order, and how each of them is reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.contact import ContactError, parse_phone
from service.domain.deadlines import Audience
from service.domain.ladders import Rung, ladders
from service.domain.values import Level
from service.pathway.administration import DUTIES
from service.pathway.escalation import audience_of, duty_of
from service.pathway.proving import why_unreachable
from service.pathway.settings_audit import write_down
from service.pathway.signing_in import SignedInStaff
from service.store.clinics import Clinic, Staff, staff_of


class NotOnStaff(Exception):
    """Nobody of that id works at the clinic now."""


@dataclass(frozen=True)
class PersonShown:
    """A member of staff, and what of notices reaches them."""

    id: UUID
    name: str
    email: str
    phone: str
    role: str
    duty: str
    unreachable: str | None
    """Why no notice reaches them, in words."""
    texts: bool
    """Are they told by text, which wakes somebody, and not by email alone?"""


@dataclass(frozen=True)
class RungShown:
    """Who is told when; `stand_ins` when nobody has the duty and others are told in their place."""

    when: str
    names: tuple[str, ...]
    stand_ins: tuple[str, ...]
    """The duties that nobody has."""


@dataclass(frozen=True)
class LadderShown:
    """One level's order."""

    level: Level
    during: str
    rungs: tuple[RungShown, ...]
    repeated: RungShown


@dataclass(frozen=True)
class ChainShown:
    """The page."""

    ladders: tuple[LadderShown, ...]
    people: tuple[PersonShown, ...]


def show_chain(db: Session, clinic: Clinic, now: datetime) -> ChainShown:
    """Return who is told in which order, and everybody who works at the clinic."""
    staff = staff_of(db, clinic.id)
    shown = tuple(
        LadderShown(
            ladder.level,
            ladder.during,
            tuple(_rung(rung, staff) for rung in ladder.rungs),
            _rung(ladder.repeated, staff),
        )
        for ladder in ladders(now, clinic.facts())
    )
    return ChainShown(shown, tuple(_person(db, clinic, one) for one in staff))


def chain_lacks(db: Session, clinic: Clinic) -> list[str]:
    """Return what keeps an emergency from waking anybody, in words."""
    staff = staff_of(db, clinic.id)
    on_call = audience_of(staff, Audience.ON_CALL)
    lacking = []
    if not any(person.duty == "on_call" for person in staff):
        lacking.append("Nobody is on call: every admin is told instead.")
    if not any(why_unreachable(db, clinic, person) is None for person in on_call):
        lacking.append("No notice reaches those who are told first.")
    elif not any(person.phone for person in on_call):
        lacking.append("They are told by email alone, which wakes nobody: add a phone number.")
    return lacking


def change_person(
    db: Session, staff: SignedInStaff, person_id: UUID, duty: str, phone: str, now: datetime
) -> dict[str, str]:
    """Store somebody's duty and number; return what is wrong with them instead, by field."""
    person = on_staff(db, staff.clinic_id, person_id)
    problems = {}
    if duty not in ("", *DUTIES):
        problems["duty"] = "Choose one of the duties."
    number = None
    try:
        number = parse_phone(phone) if phone.strip() else None
    except ContactError as problem:
        problems["phone"] = f"This {problem}."
    if problems:
        return problems
    changed = [
        *(["duty"] if (duty or None) != person.duty else []),
        *(["phone"] if number != person.phone else []),
    ]
    if changed:
        person.duty, person.phone = duty or None, number
        subject = f"staff:{person.id}"
        write_down(db, staff, now, "staff_changed", subject, changed=changed, duty=duty)
    return {}


def on_staff(db: Session, clinic_id: UUID, person_id: UUID) -> Staff:
    """Return a member of the clinic's staff; raises `NotOnStaff`."""
    for person in staff_of(db, clinic_id):
        if person.id == person_id:
            return person
    raise NotOnStaff


def _rung(rung: Rung, staff: list[Staff]) -> RungShown:
    names: dict[str, None] = {}
    stand_ins: dict[str, None] = {}
    for audience in rung.audiences:
        people = audience_of(staff, audience)
        names.update(dict.fromkeys(person.name for person in people))
        duty = duty_of(audience)
        if audience is not Audience.EVERYONE and all(person.duty != duty for person in people):
            stand_ins[duty] = None
    return RungShown(rung.when, tuple(names), tuple(stand_ins))


def _person(db: Session, clinic: Clinic, person: Staff) -> PersonShown:
    return PersonShown(
        id=person.id,
        name=person.name,
        email=person.email,
        phone=person.phone or "",
        role=person.role.value,
        duty=person.duty or "",
        unreachable=why_unreachable(db, clinic, person),
        texts=bool(person.phone and clinic.sender and clinic.sending_stopped_at is None),
    )
