"""Setting a clinic up: the clinic itself, its staff and its API keys."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from service.domain.contact import ContactError, parse_email
from service.domain.gsm7 import characters_outside, cleaned_for_sms, fold_for_sms
from service.domain.values import Channel, Role
from service.store import audit
from service.store.accounts import close_links
from service.store.clinics import ApiKey, Clinic, Staff, clinic_by_name
from service.store.patients import address_hash
from service.store.secrets import token_hash
from service.store.sign_ins import end_sign_ins

BUSINESS_HOURS = {str(day): ["08:00", "18:00"] for day in range(5)}
"""Monday to Friday 08:00-18:00 (`clinical-protocol` C1; the clinic must confirm)."""

DUTIES = ("on_call", "lead", "director")

COMMAND_LINE = "command line"
"""Who did it, in the audit trail, when nobody is signed in."""


class NotPossible(Exception):
    """What was asked cannot be done; the message names the field and says what to do."""


def create_clinic(
    db: Session,
    *,
    name: str,
    time_zone: str,
    now: datetime,
    phone: str = "",
    sender: str | None = None,
    email_from: str | None = None,
) -> Clinic:
    """Add a clinic with the usual business hours."""
    name = " ".join(name.split())
    if not name:
        raise NotPossible("name: give the clinic's name.")
    for field, words in (("name", name), ("phone", phone)):
        refuse_what_no_text_carries(field, words)
    if clinic_by_name(db, name) is not None:
        raise NotPossible(f"name: there is a clinic called {name!r} already.")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise NotPossible(
            f"time-zone: {time_zone!r} is not known; use a name like America/Chicago."
        ) from error
    clinic = Clinic(
        name=name,
        phone=phone,
        time_zone=time_zone,
        sender=sender,
        email_from=_checked_email(email_from),
        hours=BUSINESS_HOURS,
        holidays=[],
        created_at=now,
    )
    db.add(clinic)
    db.flush()
    _record(db, clinic.id, now, "clinic_created", f"clinic:{clinic.id}")
    return clinic


def resume_sending(
    db: Session, clinic: Clinic, now: datetime, *, actor: str = COMMAND_LINE
) -> None:
    """Let a clinic's texts go out again, once what stopped them is put right.

    Raises `NotPossible` when they were not stopped.
    """
    if clinic.sending_stopped_at is None:
        raise NotPossible(f"clinic: the texts of {clinic.name} are not stopped.")
    clinic.sending_stopped_at = clinic.sending_stopped_because = None
    _record(db, clinic.id, now, "sending_resumed", f"clinic:{clinic.id}", actor)


def _checked_email(email_from: str | None) -> str | None:
    try:
        return parse_email(email_from) if email_from else None
    except ContactError as error:
        raise NotPossible(f"email-from: {error}.") from error


def refuse_what_no_text_carries(field: str, words: str) -> None:
    """Every text names the clinic: what a phone would show otherwise is refused, and shown."""
    carried = cleaned_for_sms(words)
    if carried == words:
        return
    lost = characters_outside(fold_for_sms(words)) or characters_outside(words)
    instead = f" Write {carried!r}, or use plain letters." if carried else " Use plain letters."
    raise NotPossible(f"{field}: a text message cannot carry {' '.join(lost)}.{instead}")


def create_staff(
    db: Session,
    clinic: Clinic,
    *,
    email: str,
    role: Role,
    now: datetime,
    name: str = "",
    phone: str | None = None,
    duty: str | None = None,
    actor: str = COMMAND_LINE,
) -> Staff:
    """Add a member of staff; `duty` says which escalations reach them."""
    if "@" not in email:
        raise NotPossible(f"email: {email!r} is not an email address.")
    if duty is not None and duty not in DUTIES:
        raise NotPossible(f"duty: {duty!r} is not one of {', '.join(DUTIES)}.")
    staff = Staff(
        clinic_id=clinic.id,
        name=name or email.split("@", maxsplit=1)[0],
        email=email,
        email_hash=address_hash(db, Channel.EMAIL, email),
        phone=phone,
        role=role,
        duty=duty,
        created_at=now,
    )
    db.add(staff)
    db.flush()
    _record(db, clinic.id, now, "staff_created", f"staff:{staff.id}", actor)
    return staff


def create_api_key(
    db: Session, clinic: Clinic, *, name: str, now: datetime, actor: str = COMMAND_LINE
) -> tuple[ApiKey, str]:
    """Add an API key; return it and its token, which is stored nowhere and shown once."""
    token = f"ak_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        clinic_id=clinic.id, name=name, key_hash=token_hash(token), hint=token[:7], created_at=now
    )
    db.add(key)
    db.flush()
    _record(db, clinic.id, now, "api_key_created", f"api_key:{key.id}", actor)
    return key, token


def disable(db: Session, row: Staff | ApiKey, now: datetime, *, actor: str = COMMAND_LINE) -> None:
    """End someone's or something's access; doing it again changes nothing."""
    if row.disabled_at is None:
        row.disabled_at = now
        if isinstance(row, Staff):
            end_sign_ins(db, now, staff_id=row.id)
            close_links(db, now, staff_id=row.id)
        _record(db, row.clinic_id, now, "disabled", f"{row.__tablename__}:{row.id}", actor)


def _record(
    db: Session,
    clinic_id: UUID,
    now: datetime,
    action: str,
    subject: str,
    actor: str = COMMAND_LINE,
) -> None:
    audit.record(db, clinic_id=clinic_id, at=now, actor=actor, action=action, subject=subject)
