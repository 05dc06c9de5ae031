"""Staff take a flag and record their calls; only a call's outcome closes a flag."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.values import CallOutcome, FlagState
from service.store import audit
from service.store.flags import Call, Flag, flag_of


class FlagNotFound(Exception):
    """No such flag in this clinic."""


class FlagOwnedBySomebodyElse(Exception):
    """Somebody else took the flag first; `owner` says who."""

    def __init__(self, owner: str) -> None:
        super().__init__("somebody else has this flag")
        self.owner = owner


class FlagAlreadyClosed(Exception):
    """A call has already ended this flag."""


def own(db: Session, clinic_id: UUID, flag_id: UUID, by: str, now: datetime) -> Flag:
    """Take a flag, which acknowledges it and ends its escalation; taking it twice is no change.

    Raises `FlagNotFound`, `FlagOwnedBySomebodyElse` or `FlagAlreadyClosed`.
    """
    flag = _still_open(db, clinic_id, flag_id)
    if flag.state is FlagState.OWNED and flag.owner != by:
        raise FlagOwnedBySomebodyElse(flag.owner or "")
    # A level that rose since it was taken starts the escalation anew: this acknowledges that, too.
    flag.escalate_at = None
    if flag.state is FlagState.OPEN:
        flag.state, flag.owner, flag.owned_at = FlagState.OWNED, by, now
        _audit(db, flag, by, "flag_owned", now)
    return flag


def record_call(
    db: Session,
    clinic_id: UUID,
    flag_id: UUID,
    outcome: CallOutcome,
    note: str | None,
    by: str,
    now: datetime,
    next_try_at: datetime,
) -> Flag:
    """Record how a call went: reaching the patient closes the flag, else `next_try_at` stands.

    A colleague may call in the owner's place. Raises `FlagNotFound` or `FlagAlreadyClosed`.
    """
    flag = _still_open(db, clinic_id, flag_id)
    db.add(
        Call(
            clinic_id=clinic_id,
            flag_id=flag.id,
            outcome=outcome,
            note=note,
            made_by=by,
            made_at=now,
        )
    )
    flag.tries += 1
    flag.escalate_at = None
    if outcome.closes:
        flag.state, flag.outcome = FlagState.CLOSED, outcome
        flag.closed_at, flag.closed_by, flag.next_try_at = now, by, None
    else:
        flag.next_try_at = next_try_at
        if flag.state is FlagState.OPEN:
            flag.state, flag.owner, flag.owned_at = FlagState.OWNED, by, now
    _audit(db, flag, by, "call_recorded", now, outcome=outcome.value, state=flag.state.value)
    return flag


def _still_open(db: Session, clinic_id: UUID, flag_id: UUID) -> Flag:
    flag = flag_of(db, clinic_id, flag_id)
    if flag is None:
        raise FlagNotFound
    if flag.state is FlagState.CLOSED:
        raise FlagAlreadyClosed
    return flag


def _audit(db: Session, flag: Flag, actor: str, action: str, now: datetime, **detail: str) -> None:
    audit.record(
        db,
        clinic_id=flag.clinic_id,
        at=now,
        actor=actor,
        action=action,
        subject=f"flag:{flag.id}",
        **detail,
    )
