"""Staff take a flag and record their calls; only a call that reached the patient closes it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.deadlines import next_try, owner_has_until
from service.domain.values import CallOutcome, FlagState
from service.pathway.flagging import sound_alarm
from service.pathway.missed_calls import say_call_missed, writer_of
from service.store import audit
from service.store.clinics import Clinic
from service.store.flags import Call, Flag, flag_of


class FlagNotFound(Exception):
    """No such flag in this clinic."""


class FlagOwnedBySomebodyElse(Exception):
    """Somebody else took the flag first; `owner` says who."""

    def __init__(self, owner: str) -> None:
        super().__init__("somebody else has this flag")
        self.owner = owner


class CallRecordedMeanwhile(Exception):
    """Somebody has recorded a call since this flag was looked at."""


class FlagAlreadyClosed(Exception):
    """A call has already ended this flag."""


def own(db: Session, clinic_id: UUID, flag_id: UUID, by: str, now: datetime) -> Flag:
    """Take a flag, which acknowledges it; taking it twice is no change.

    Nobody else is told of it then, unless its deadline passes without a call.

    Raises `FlagNotFound`, `FlagOwnedBySomebodyElse` or `FlagAlreadyClosed`.
    """
    flag = _still_open(db, clinic_id, flag_id)
    if flag.state is FlagState.OWNED and flag.owner != by:
        raise FlagOwnedBySomebodyElse(flag.owner or "")
    # A level that rose since it was taken starts the telling anew: this acknowledges that, too.
    if flag.alarm_at is None or flag.alarm_at <= now:
        sound_alarm(flag, owner_has_until(flag.due_at, now))
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
    *,
    tries_seen: int | None = None,
) -> Flag:
    """Record how a call went: reaching the patient closes the flag, else the next try is set.

    When that try falls due and nobody has called, staff are told from the beginning again; after
    the last one the lead decides (`clinical-protocol` C1, D). A colleague may call in the owner's
    place. Who says how many tries they have seen (`tries_seen`) records nothing when there are
    more by now, so that one call is never counted twice.

    Raises `FlagNotFound`, `FlagAlreadyClosed` or `CallRecordedMeanwhile`.
    """
    writer = None if outcome.closes else writer_of(db, clinic_id, flag_id)
    flag = _still_open(db, clinic_id, flag_id)
    if tries_seen is not None and flag.tries != tries_seen:
        raise CallRecordedMeanwhile
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
    if outcome.closes:
        flag.state, flag.outcome = FlagState.CLOSED, outcome
        flag.closed_at, flag.closed_by = now, by
        flag.next_try_at = flag.escalate_at = None
    else:
        clinic = db.get_one(Clinic, clinic_id)
        missed = next_try(outcome, flag.tries, flag.level, now, clinic.facts())
        flag.next_try_at = missed.at or now
        sound_alarm(flag, flag.next_try_at)
        if missed.say_call_missed and writer is not None:
            say_call_missed(db, clinic, flag, writer, now)
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
