"""Raises the flag that a reply calls for, or the level of the one that already waits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from service.domain.triage.readings import Reading
from service.domain.values import FlagState, Level
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
    db: Session, clinic: Clinic, reply: Reply, who: Correspondent, reading: Reading, rules: Rules
) -> Raised:
    """Put a reply in front of a person: in the patient's waiting flag, or in a new one.

    A waiting flag's level only rises. A closed one stays closed: a later reply gets its own.
    """
    waiting = _waiting(db, who)
    if waiting is None:
        return Raised(_new_flag(db, clinic, reply, who, reading, rules), added=False)
    return Raised(waiting, added=not _join(db, clinic, waiting, reply, reading, rules))


def _waiting(db: Session, who: Correspondent) -> Flag | None:
    if who.patient is None:
        return None
    return next((f for f in open_flags_of_patient(db, who.patient.id) if f.kind == REPLY), None)


def _new_flag(
    db: Session, clinic: Clinic, reply: Reply, who: Correspondent, reading: Reading, rules: Rules
) -> Flag:
    now = reply.received_at
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
    _audit(db, flag, reply, "flag_raised", flag.level)
    return flag


def _join(
    db: Session, clinic: Clinic, flag: Flag, reply: Reply, reading: Reading, rules: Rules
) -> bool:
    """Add a reply to a waiting flag; return whether it made the flag more urgent."""
    now = reply.received_at
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
    if rises or news:
        # Whoever has the flag acknowledged less than it says now.
        flag.escalate_at = now
    _audit(db, flag, reply, "flag_level_raised" if rises else "flag_reply_added", flag.level)
    return rises


def _reason(reading: Reading) -> str:
    return "Reply: " + (", ".join(reading.categories).replace("_", " ") or "needs a person")


def _audit(db: Session, flag: Flag, reply: Reply, action: str, level: Level) -> None:
    audit.record(
        db,
        clinic_id=flag.clinic_id,
        at=reply.received_at,
        actor="triage",
        action=action,
        subject=f"flag:{flag.id}",
        reply=str(reply.id),
        level=level.value,
    )
