"""The keys with which other systems reach a clinic: seen, made and disabled by its admins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.pathway.administration import create_api_key, disable
from service.pathway.own_account import why_not_theirs
from service.pathway.signing_in import SignedInStaff
from service.store.clinics import ApiKey, api_keys_of

LONGEST_NAME = 60


class KeyNotFound(Exception):
    """The clinic has no key of that id."""


def keys_of(db: Session, staff: SignedInStaff) -> list[ApiKey]:
    """Return the clinic's keys, those in use first, then by age."""
    return sorted(api_keys_of(db, staff.clinic_id), key=lambda key: key.disabled_at is not None)


def make_key(
    db: Session, staff: SignedInStaff, name: str, password: str, now: datetime, wall_now: datetime
) -> str | dict[str, str]:
    """Return a new key, which is shown this once; or what is wrong, by field.

    A key opens every patient's record, so whoever finds a browser left open must not make one.
    """
    problems = {}
    if not name:
        problems["name"] = "Say what will use it, as Front desk."
    elif len(name) > LONGEST_NAME:
        problems["name"] = f"Give a shorter name: at most {LONGEST_NAME} characters."
    elif any(
        key.name == name and key.disabled_at is None for key in api_keys_of(db, staff.clinic_id)
    ):
        # The audit trail tells keys apart by their names.
        problems["name"] = "Another key in use has this name."
    if not problems:
        why = why_not_theirs(db, staff, password, wall_now)
        if why:
            problems["password"] = why
    if problems:
        return problems
    _, token = create_api_key(db, staff.clinic, name=name, now=now, actor=staff.name)
    return token


def disable_key(db: Session, staff: SignedInStaff, key_id: UUID, now: datetime) -> None:
    """End a key's access at once; raises `KeyNotFound`."""
    disable(db, _key(db, staff.clinic_id, key_id), now, actor=staff.name)


def _key(db: Session, clinic_id: UUID, key_id: UUID) -> ApiKey:
    for key in api_keys_of(db, clinic_id):
        if key.id == key_id:
            return key
    raise KeyNotFound
