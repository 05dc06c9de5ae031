"""What the sandbox begins with: a clinic, an admin, a therapist and an API key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.values import Role
from service.pathway.administration import create_api_key, create_clinic, create_staff
from service.pathway.invitations import sample_account

_ADMIN, _THERAPIST = "admin@bayou.example", "therapist@bayou.example"


@dataclass(frozen=True)
class Samples:
    """What is shown of the samples, once."""

    emails: tuple[str, ...]
    password: str
    """The same for all of them; the sandbox asks for no second factor."""
    api_key: str


def make_samples(db: Session, now: datetime) -> Samples:
    """Make the sample clinic with what is needed to try everything."""
    clinic = create_clinic(
        db,
        name="Bayou Needling",
        time_zone="America/Chicago",
        phone="281-555-0100",
        sender="+12815550100",
        email_from="care@bayou.example",
        now=now,
    )
    password = secrets.token_urlsafe(12)
    admin = create_staff(db, clinic, email=_ADMIN, role=Role.ADMIN, name="Alex Rivera", now=now)
    therapist = create_staff(
        db, clinic, email=_THERAPIST, role=Role.THERAPIST, name="Sam Nguyen", now=now
    )
    for staff in (admin, therapist):
        sample_account(db, staff, password, now)
    _, token = create_api_key(db, clinic, name="sandbox", now=now)
    return Samples((_ADMIN, _THERAPIST), password, token)
