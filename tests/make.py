"""Builders that fill in all that a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from service.store.clinics import Clinic

NOON = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
"""A Tuesday, 12:00 in Chicago."""

WEEKDAYS = {str(day): ["08:00", "18:00"] for day in range(5)}


def a_clinic(db: Session, **details: Any) -> Clinic:
    """A clinic in Chicago, open 08:00-18:00 on weekdays."""
    given: dict[str, Any] = {
        "name": "Bayou Needling",
        "phone": "281-555-0100",
        "time_zone": "America/Chicago",
        "sender": "+12815550000",
        "email_from": "care@bayou.example",
        "hours": WEEKDAYS,
        "holidays": [],
        "segments_per_second": 100.0,
        "created_at": NOON,
    }
    clinic = Clinic(**(given | details))
    db.add(clinic)
    db.flush()
    return clinic
