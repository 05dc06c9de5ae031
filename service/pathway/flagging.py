"""Raises the flag that a reply calls for, or the level of the one that already waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.triage.readings import Reading
from service.domain.values import FlagState
from service.pathway.correspondents import Correspondent
from service.pathway.rules import Rules
from service.store import audit
from service.store.clinics import Clinic
from service.store.flags import Flag, open_flags_of_patient
from service.store.replies import Reply

REPLY = "reply"


@dataclass(frozen=True)
class Raised:
    """The flag a reply stands under; `added` when it waited already, no less urgent."""

    flag: Flag
    added: bool


def raise_flag(
    db: Session,
    clinic: Clinic,
    reply: Reply,
    who: Correspondent,
    reading: Reading,
    rules: Rules,
    now: datetime,
) -> Raised:
    """Put a reply in front of a person: in the patient's waiting flag, or in a new one.

    A waiting flag's level only rises. A closed one stays closed: a later reply gets its own.
    """
    waiting = waiting_flag(db, who)
    if waiting is None:
        return Raised(_new_flag(db, clinic, reply, who, reading, rules, now), added=False)
    return Raised(waiting, added=not raise_level(db, clinic, waiting, reply, reading, rules, now))


def waiting_flag(db: Session, who: Correspondent) -> Flag | None:
    """Return the flag of the patient's replies that is not closed yet, locked; or None."""
    if who.patient is None:
        return None
    return next((f for f in open_flags_of_patient(db, who.patient.id) if f.kind == REPLY), None)


def sound_alarm(flag: Flag, at: datetime) -> None:
    """Have staff told of a flag from the beginning, from `at` on, until somebody acts."""
    flag.alarm_at = flag.escalate_at = at


def _new_flag(
    db: Session,
    clinic: Clinic,
    reply: Reply,
    who: Correspondent,
    reading: Reading,
    rules: Rules,
    now: datetime,
) -> Flag:
    flag = Flag(
        clinic_id=clinic.id,
        patient_id=who.patient.id if who.patient else None,
        session_id=reply.session_id,
        reply_id=reply.id,
        kind=REPLY,
        level=reading.level,
        categories=list(reading.categories),
        score=reading.score,
        reason=_reason(reading),
        raised_at=now,
        due_at=rules.flag_deadline(reading.level, now, clinic.facts()),
        state=FlagState.OPEN,
        escalate_at=now,
        rules_version=reading.rules_version,
    )
    db.add(flag)
    db.flush()
    _audit(db, flag, reply, "flag_raised", now)
    return flag


def raise_level(
    db: Session,
    clinic: Clinic,
    flag: Flag,
    reply: Reply,
    reading: Reading,
    rules: Rules,
    now: datetime,
) -> bool:
    """Add a reply to a waiting flag; return whether it made the flag more urgent."""
    rises = reading.level.rank < flag.level.rank
    news = [category for category in reading.categories if category not in flag.categories]
    flag.categories = [*flag.categories, *news]
    if reading.score is not None:
        flag.score = reading.score
    if rises:
        flag.level = reading.level
        flag.due_at = min(flag.due_at, rules.flag_deadline(reading.level, now, clinic.facts()))
        flag.reason = _reason(reading)
        flag.rules_version = reading.rules_version
        # What was tried before concerned less than this.
        flag.tries, flag.next_try_at = 0, None
    if rises or news:
        # Whoever has the flag acknowledged less than it says now.
        sound_alarm(flag, now)
    _audit(db, flag, reply, "flag_level_raised" if rises else "flag_reply_added", now)
    return rises


def _reason(reading: Reading) -> str:
    return "Reply: " + (", ".join(reading.categories).replace("_", " ") or "needs a person")


def _audit(db: Session, flag: Flag, reply: Reply, action: str, now: datetime) -> None:
    audit.record(
        db,
        clinic_id=flag.clinic_id,
        at=now,
        actor="triage",
        action=action,
        subject=f"flag:{flag.id}",
        reply=str(reply.id),
        level=flag.level.value,
    )
