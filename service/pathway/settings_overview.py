"""What a clinic has set up, one line a part, and where something is missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.domain.windows import local_day, zone_named
from service.pathway.clinic_settings import open_words
from service.store.clinics import Clinic


@dataclass(frozen=True)
class Part:
    """One part of the settings: what it holds, how it stands, and what is missing, if anything."""

    path: str
    title: str
    holds: str
    state: str
    missing: str | None = None


def overview(clinic: Clinic, now: datetime) -> list[Part]:
    """Return every part of a clinic's settings."""
    return [_clinic(clinic, now)]


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
