"""What people do with their accounts is written down in every clinic where they work."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.store import audit
from service.store.accounts import Account
from service.store.clinics import Staff, memberships

_NOBODY = ("nobody", "account")


def note(
    db: Session,
    account: Account | None,
    action: str,
    now: datetime,
    *,
    only: Staff | None = None,
    **detail: str,
) -> None:
    """Record it in each of the person's clinics, or in that of `only`; without patient data.

    Who tries an account that there is not is nobody.
    """
    actor, subject = (f"account:{account.id}", f"account:{account.id}") if account else _NOBODY
    places: list[UUID | None] = [None]
    if only:
        places = [only.clinic_id]
    elif account:
        places = [staff.clinic_id for staff, _ in memberships(db, account.id)] or [None]
    for clinic_id in places:
        audit.record(
            db, clinic_id=clinic_id, at=now, actor=actor, action=action, subject=subject, **detail
        )
