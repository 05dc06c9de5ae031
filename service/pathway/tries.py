"""When a patient who was not reached is to be called again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.deadlines import next_try
from service.domain.values import CallOutcome
from service.store.clinics import Clinic
from service.store.flags import flag_of


def next_call_at(
    db: Session, clinic: Clinic, flag_id: UUID, outcome: CallOutcome, now: datetime
) -> datetime:
    """Return when the next call is due after this one.

    After the last try it is now: somebody else decides what happens (`clinical-protocol` D).
    A flag that does not exist, or a call that closes it, has no next try; `now` stands for none.
    """
    flag = flag_of(db, clinic.id, flag_id)
    if flag is None or outcome.closes:
        return now
    return next_try(outcome, flag.tries + 1, flag.level, now, clinic.facts()).at or now
