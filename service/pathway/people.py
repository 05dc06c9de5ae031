"""Who works at a clinic: invited, given a role, disabled and let back in by its admins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.contact import ContactError, parse_email
from service.domain.values import Role
from service.pathway.administration import create_staff, disable
from service.pathway.invitations import invite
from service.pathway.own_account import why_not_theirs
from service.pathway.settings_audit import write_down
from service.pathway.signing_in import SignedInStaff
from service.store.clinics import Clinic, Staff, staff_of
from service.store.sign_ins import end_sign_ins

LONGEST_NAME = 80


class PersonNotFound(Exception):
    """The clinic has nobody of that id, or what was asked does not fit how they stand."""


@dataclass(frozen=True)
class NewPerson:
    """Somebody as an admin typed them in."""

    name: str
    email: str
    role: Role


def people_of(db: Session, staff: SignedInStaff) -> list[Staff]:
    """Return everybody the clinic has had, those who work here now first."""
    everyone = staff_of(db, staff.clinic_id, active_only=False)
    return sorted(everyone, key=lambda person: person.disabled_at is not None)


def add_person(
    db: Session,
    staff: SignedInStaff,
    new: NewPerson,
    password: str,
    now: datetime,
    wall_now: datetime,
) -> str | dict[str, str]:
    """Return the token of their invitation, which is shown this once; or what is wrong, by field.

    The admin's own password is asked for: an invitation is a way to every patient's record.
    """
    problems = {}
    if not new.name or len(new.name) > LONGEST_NAME:
        problems["name"] = f"Give their name, at most {LONGEST_NAME} characters."
    email = ""
    try:
        email = parse_email(new.email)
    except ContactError as problem:
        problems["email"] = f"This {problem}."
    known = {person.email.lower() for person in staff_of(db, staff.clinic_id, active_only=False)}
    if email and email.lower() in known:
        problems["email"] = "Somebody here has this address already: look at the list."
    if not problems:
        why = why_not_theirs(db, staff, password, wall_now)
        if why:
            problems["password"] = why
    if problems:
        return problems
    person = create_staff(
        db, staff.clinic, email=email, role=new.role, name=new.name, now=now, actor=staff.name
    )
    return invite(db, person, wall_now, actor=staff.name)


def invite_again(db: Session, staff: SignedInStaff, person_id: UUID, wall_now: datetime) -> str:
    """Return the token of a new invitation for somebody who has not begun yet.

    Raises `PersonNotFound`, also for who has an account: what gives that a new password is not an
    admin's to ask for.
    """
    person = _person(db, staff, person_id)
    if person.account_id is not None or person.disabled_at is not None:
        raise PersonNotFound
    return invite(db, person, wall_now, actor=staff.name)


def change_role(
    db: Session, staff: SignedInStaff, person_id: UUID, role: Role, now: datetime
) -> None:
    """Give somebody else another role; they sign in anew. Raises `PersonNotFound`."""
    person = _other(db, staff, person_id)
    if person.role is not role:
        person.role = role
        end_sign_ins(db, now, staff_id=person.id)
        write_down(db, staff, now, "role_changed", f"staff:{person.id}", role=role.value)


def disable_person(db: Session, staff: SignedInStaff, person_id: UUID, now: datetime) -> None:
    """End somebody else's access, sign-ins and notices at once. Raises `PersonNotFound`."""
    disable(db, _other(db, staff, person_id), now, actor=staff.name)


def enable_person(db: Session, staff: SignedInStaff, person_id: UUID, now: datetime) -> None:
    """Let somebody back in who was disabled, as what they were. Raises `PersonNotFound`."""
    person = _other(db, staff, person_id)
    if person.disabled_at is not None:
        person.disabled_at = None
        write_down(db, staff, now, "enabled", f"staff:{person.id}")


def _other(db: Session, staff: SignedInStaff, person_id: UUID) -> Staff:
    """Somebody else than who asks, so that a clinic always keeps an admin."""
    # Two admins who shut each other out come one after the other: the second is none any more.
    db.execute(select(Clinic.id).where(Clinic.id == staff.clinic_id).with_for_update())
    myself = db.get_one(Staff, staff.staff_id, populate_existing=True)
    if person_id == myself.id or myself.role is not Role.ADMIN or myself.disabled_at is not None:
        raise PersonNotFound
    return _person(db, staff, person_id)


def _person(db: Session, staff: SignedInStaff, person_id: UUID) -> Staff:
    for person in staff_of(db, staff.clinic_id, active_only=False):
        if person.id == person_id:
            return person
    raise PersonNotFound
