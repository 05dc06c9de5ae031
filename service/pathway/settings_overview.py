"""What a clinic has set up, one line a part, and where something is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.deadlines import Audience
from service.domain.values import Role
from service.domain.windows import local_day, zone_named
from service.pathway.clinic_settings import open_words
from service.pathway.draft_reading import name_in_use
from service.pathway.drafting import stand_of
from service.pathway.escalation import audience_of
from service.pathway.on_call import chain_lacks
from service.store.clinics import Clinic, api_keys_of, staff_of


@dataclass(frozen=True)
class Part:
    """One part of the settings: what it holds, how it stands, and what is missing, if anything."""

    path: str
    title: str
    holds: str
    state: str
    missing: str | None = None


def overview(db: Session, clinic: Clinic, now: datetime) -> list[Part]:
    """Return every part of a clinic's settings."""
    return [
        _clinic(clinic, now),
        _staff(db, clinic),
        _on_call(db, clinic),
        _keys(db, clinic),
        _sending(clinic),
        _protocol(db, clinic),
    ]


def _clinic(clinic: Clinic, now: datetime) -> Part:
    today = local_day(now, zone_named(clinic.time_zone)).isoformat()
    coming = [day for day in clinic.holidays if day >= today]
    lacking = [
        *([] if clinic.phone else ["No phone number is given for patients to call."]),
        *([] if coming else ["No holiday is listed: calls would be promised on every one."]),
    ]
    return Part(
        "/settings/clinic",
        "The clinic",
        "Name, phone number, time zone, opening hours, holidays",
        f"{open_words(clinic.facts(), now)} · {clinic.phone or 'no number'} · {clinic.time_zone}",
        " ".join(lacking) or None,
    )


def _staff(db: Session, clinic: Clinic) -> Part:
    staff = staff_of(db, clinic.id)
    admins = sum(person.role is Role.ADMIN for person in staff)
    waiting = sum(person.account_id is None for person in staff)
    return Part(
        "/settings/staff",
        "Staff",
        "Who works here and signs in, in which role; invitations",
        f"{len(staff)} in all, {admins} {'admin' if admins == 1 else 'admins'}"
        + (f" · {waiting} without an account yet" if waiting else ""),
    )


def _on_call(db: Session, clinic: Clinic) -> Part:
    told = audience_of(staff_of(db, clinic.id), Audience.ON_CALL)
    return Part(
        "/settings/on-call",
        "On-call",
        "Who is told of a flag in which order, how they are reached, a test notice",
        f"Told first: {', '.join(person.name for person in told)}",
        " ".join(chain_lacks(db, clinic)) or None,
    )


def _keys(db: Session, clinic: Clinic) -> Part:
    keys = api_keys_of(db, clinic.id)
    used = [key.name for key in keys if key.disabled_at is None]
    disabled = len(keys) - len(used)
    return Part(
        "/settings/api-keys",
        "API keys",
        "Which other systems may enrol patients and read flags",
        f"{len(used)} in use{': ' if used else ''}{', '.join(used)}"
        + (f" · {disabled} disabled" if disabled else ""),
    )


def _sending(clinic: Clinic) -> Part:
    lacking = [
        *([] if clinic.sender else ["There is no number to send texts from."]),
        *([] if clinic.email_from else ["There is no address to send emails from."]),
        *(["Texts are stopped."] if clinic.sending_stopped_at else []),
    ]
    return Part(
        "/settings/sending",
        "Texts and email",
        "From where messages go out, and a test to yourself",
        f"Texts from {clinic.sender or 'nowhere'} · emails from {clinic.email_from or 'nowhere'}",
        " ".join(lacking) or None,
    )


def _protocol(db: Session, clinic: Clinic) -> Part:
    stand = stand_of(db, clinic)
    name = name_in_use(stand)
    edition = f", edition {name.number} of this clinic" if name.number else ""
    waits = " · a draft waits for approval" if stand.draft else ""
    unsigned = "No clinician of this clinic has approved it yet." if not name.approved_by else None
    return Part(
        "/settings/protocol",
        "Protocol",
        "The schedule, every wording in both languages, a draft of your own and its dry run",
        f"Version {name.base}{edition}, English and Spanish{waits}",
        unsigned,
    )
