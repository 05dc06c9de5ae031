"""Staff are told of a flag that waits for them, wider each time, until somebody acts."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.deadlines import (
    TRIES,
    Audience,
    EscalationStep,
    escalation_steps,
    hand_over_steps,
)
from service.domain.protocol import CURRENT_VERSION
from service.domain.values import (
    LANE_REPLY,
    Channel,
    ClinicFacts,
    FlagState,
    Language,
    MessageKind,
    MessageState,
)
from service.store.base import new_id
from service.store.clinics import Clinic, Staff, staff_of
from service.store.engine import Sessions
from service.store.flags import Flag, Notice
from service.store.messages import Message
from service.store.patients import address_for

_LOOK_AHEAD = timedelta(days=2)
_USEFUL_FOR = timedelta(minutes=30)
"""A notice that could not be sent for so long is overtaken by the next step."""
_log = structlog.get_logger()


def tell_staff(sessions: Sessions, now: datetime, *, limit: int = 50) -> int:
    """Plan the notices whose time has come; return how many flags were looked at.

    Any number of workers may do this: a flag is locked while it is looked at, and a step reaches
    each person once (`reliability` I7).
    """
    with sessions.begin() as db:
        flags = db.scalars(
            select(Flag)
            .where(Flag.escalate_at <= now, Flag.state != FlagState.CLOSED)
            .order_by(Flag.escalate_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for flag in flags:
            _take_steps(db, flag, now)
        return len(flags)


def _take_steps(db: Session, flag: Flag, now: datetime) -> None:
    clinic = db.get_one(Clinic, flag.clinic_id)
    steps = _steps(flag, clinic.facts(), now)
    staff = staff_of(db, clinic.id)
    # Steps that fall together, or were missed, reach a person as one text.
    texts: dict[UUID, Message] = {}
    for step in steps:
        if step.at <= now:
            _tell(db, clinic, flag, step, _audience(staff, step.audience), texts, now)
    flag.escalate_at = min((step.at for step in steps if step.at > now), default=None)


def _steps(flag: Flag, clinic: ClinicFacts, now: datetime) -> list[EscalationStep]:
    since, until = flag.alarm_at or flag.raised_at, now + _LOOK_AHEAD
    if flag.tries >= TRIES:
        return hand_over_steps(flag.level, since, clinic, until=until)
    return escalation_steps(flag.level, since, clinic, until=until)


def _name(flag: Flag, step: EscalationStep) -> str:
    """The step's name, unique in the flag: an alarm that begins anew is told anew."""
    again = f"@{flag.alarm_at.isoformat()}" if flag.alarm_at else ""
    return f"{flag.level.value}:{step.step}{again}"


def _audience(staff: list[Staff], audience: Audience) -> list[Staff]:
    """Return who is meant: those with the duty, or every admin where nobody has it.

    Nobody is assigned to a patient yet, so the assigned therapist is whoever is on call.
    """
    if audience is Audience.EVERYONE:
        return staff
    duty = {
        Audience.LEAD: "lead",
        Audience.NEXT_PERSON: "lead",
        Audience.DIRECTOR: "director",
    }.get(audience, "on_call")
    on_duty = [person for person in staff if person.duty == duty]
    return on_duty or [person for person in staff if person.role == "admin"] or staff


def _tell(
    db: Session,
    clinic: Clinic,
    flag: Flag,
    step: EscalationStep,
    people: list[Staff],
    texts: dict[UUID, Message],
    now: datetime,
) -> None:
    name = _name(flag, step)
    told = set(
        db.scalars(select(Notice.staff_id).where(Notice.flag_id == flag.id, Notice.step == name))
    )
    reachable = [person for person in people if person.phone]
    if not reachable:
        _log.error("nobody_to_tell", flag=str(flag.id), clinic=str(clinic.id), step=name)
    for person in reachable:
        if person.id in told:
            continue
        if person.id not in texts:
            texts[person.id] = _planned_text(db, clinic, flag, person, now)
        db.add(
            Notice(
                clinic_id=clinic.id,
                flag_id=flag.id,
                step=name,
                staff_id=person.id,
                channel=Channel.SMS,
                message_id=texts[person.id].id,
                created_at=now,
            )
        )


def _planned_text(db: Session, clinic: Clinic, flag: Flag, person: Staff, now: datetime) -> Message:
    address = address_for(db, clinic.id, Channel.SMS, person.phone or "", now)
    wording = "notice_task" if flag.kind == "task" else f"notice_{flag.level.value}"
    message = Message(
        id=new_id(),
        clinic_id=clinic.id,
        address_id=address.id,
        key=wording,
        kind=MessageKind.NOTICE,
        lane=int(LANE_REPLY),
        channel=Channel.SMS,
        wording=wording,
        language=Language.EN,
        protocol_version=CURRENT_VERSION,
        slots={"callby": flag.due_at.isoformat()},
        due_at=now,
        send_at=now,
        send_before=now + _USEFUL_FOR,
        useful_until=now + _USEFUL_FOR,
        state=MessageState.PLANNED,
        created_at=now,
    )
    db.add(message)
    db.flush()
    return message
