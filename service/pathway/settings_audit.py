"""What an admin changes in the settings is written down with who did it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from service.pathway.signing_in import SignedInStaff
from service.store import audit


def write_down(
    db: Session, staff: SignedInStaff, now: datetime, action: str, subject: str, **detail: Any
) -> None:
    """Record a change by who is signed in; nothing secret, no number or address of a person."""
    audit.record(
        db,
        clinic_id=staff.clinic_id,
        at=now,
        actor=staff.name,
        action=action,
        subject=subject,
        **detail,
    )
