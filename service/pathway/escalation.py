"""Staff are told of a flag that waits for them, wider each time, until somebody acts."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from service.domain.deadlines import (
    TRIES,
    Audience,
    EscalationStep,
    escalation_steps,
    hand_over_steps,
)
from service.domain.values import Channel, ClinicFacts, FlagState, Level, MessageState
from service.pathway.notices import tell, tell_otherwise, told_of
from service.store import audit
from service.store.clinics import Clinic, Staff, staff_of
from service.store.engine import Sessions
from service.store.flags import Flag, Notice
from service.store.messages import Message

_LOOK_AHEAD = timedelta(days=2)
_FOLLOWED_FOR = timedelta(days=1)
"""A notice of which nothing was heard for longer is left as it is."""
_FAILED = (
    MessageState.REFUSED,
    MessageState.UNDELIVERED,
    MessageState.SKIPPED,
    MessageState.CANCELLED,
)
_ARRIVED = or_(
    Message.state == MessageState.DELIVERED,
    # Mail servers send no receipts: an email has arrived as far as anybody can know.
    and_(Message.state == MessageState.ACCEPTED, Message.channel == Channel.EMAIL),
)
_log = structlog.get_logger()


def tell_staff(sessions: Sessions, now: datetime, *, limit: int = 50) -> int:
    """Plan the notices whose time has come; return how many flags were looked at.

    Any number of workers may do this: a flag is locked while it is looked at, in a transaction of
    its own, and a step reaches each person once (`reliability` I7).
    """
    waiting = (
        select(Flag.id)
        .where(Flag.escalate_at <= now, Flag.state != FlagState.CLOSED)
        .order_by(Flag.escalate_at)
        .limit(limit)
    )
    with sessions() as db:
        due = db.scalars(waiting).all()
    return sum(_looked_at(sessions, flag_id, now) for flag_id in due)


def _looked_at(sessions: Sessions, flag_id: UUID, now: datetime) -> bool:
    try:
        with sessions.begin() as db:
            flag = _locked(db, flag_id)
            if flag is None or flag.escalate_at is None or flag.escalate_at > now:
                return False
            _take_steps(db, flag, now)
            return True
    except Exception as problem:  # A flag that cannot be told of must not silence the others.
        _log.error("flag_not_told", flag=str(flag_id), problem=type(problem).__name__)
        return False


def follow_notices(sessions: Sessions, now: datetime, *, limit: int = 100) -> int:
    """Write down which notices arrived; for each that did not, the next person is told at once.

    Returns how many flags were looked at. Any number of workers may do this.
    """
    heard_of = (
        select(Notice.flag_id)
        .join(Message, Message.id == Notice.message_id)
        .where(
            Notice.arrived_at.is_(None),
            Notice.failed_at.is_(None),
            Notice.created_at > now - _FOLLOWED_FOR,
            or_(_ARRIVED, Message.state.in_(_FAILED)),
        )
        .distinct()
        .limit(limit)
    )
    with sessions() as db:
        due = db.scalars(heard_of).all()
    for flag_id in due:
        with sessions.begin() as db:
            flag = _locked(db, flag_id)
            if flag is not None:
                _follow(db, flag, now)
    return len(due)


def _follow(db: Session, flag: Flag, now: datetime) -> None:
    heard_of = db.execute(
        select(Notice, Message, _ARRIVED.label("arrived"))
        .join(Message, Message.id == Notice.message_id)
        .where(Notice.flag_id == flag.id, Notice.arrived_at.is_(None), Notice.failed_at.is_(None))
        .order_by(Notice.created_at, Notice.id)
    ).all()
    failed = []
    for notice, message, arrived in heard_of:
        if arrived:
            notice.arrived_at = message.delivered_at or now
        elif message.state in _FAILED:
            notice.failed_at = now
            failed.append(notice)
            _note_failure(db, notice, message, now)
    if failed and _is_waiting(flag, now):
        _tell_others(db, flag, failed, now)


def _is_waiting(flag: Flag, now: datetime) -> bool:
    """Is anybody still to act? Not when it is closed, or its owner has time until later."""
    return flag.state is not FlagState.CLOSED and (flag.alarm_at or flag.raised_at) <= now


def _tell_others(db: Session, flag: Flag, failed: list[Notice], now: datetime) -> None:
    """Reach the same people in another way and, unless it can wait, the next ones as well."""
    clinic = db.get_one(Clinic, flag.clinic_id)
    staff = {person.id: person for person in staff_of(db, clinic.id)}
    otherwise = [
        tell_otherwise(db, clinic, flag, notice, staff[notice.staff_id], now)
        for notice in {notice.message_id: notice for notice in failed}.values()
        if notice.staff_id in staff
    ]
    if flag.level is not Level.ROUTINE or not all(otherwise):
        _tell_next(db, clinic, flag, list(staff.values()), now)


def _tell_next(db: Session, clinic: Clinic, flag: Flag, staff: list[Staff], now: datetime) -> None:
    """Take the next step that reaches somebody who was not told yet before its time."""
    since = flag.alarm_at or flag.raised_at
    told = set(
        db.scalars(
            select(Notice.staff_id).where(Notice.flag_id == flag.id, Notice.created_at >= since)
        )
    )
    for step in _steps(flag, clinic.facts(), now):
        people = [one for one in audience_of(staff, step.audience) if one.id not in told]
        if step.at > now and people:
            _tell(db, clinic, flag, step, people, {}, now)
            return


def _take_steps(db: Session, flag: Flag, now: datetime) -> None:
    clinic = db.get_one(Clinic, flag.clinic_id)
    steps = _steps(flag, clinic.facts(), now)
    staff = staff_of(db, clinic.id)
    planned: dict[UUID, Message] = {}
    for step in steps:
        if step.at <= now:
            _tell(db, clinic, flag, step, audience_of(staff, step.audience), planned, now)
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


def duty_of(audience: Audience) -> str:
    """Return the duty of those who are meant."""
    return {
        Audience.LEAD: "lead",
        Audience.NEXT_PERSON: "lead",
        Audience.DIRECTOR: "director",
    }.get(audience, "on_call")


def audience_of(staff: list[Staff], audience: Audience) -> list[Staff]:
    """Return who is meant: those with the duty, or every admin where nobody has it.

    Nobody is assigned to a patient yet, so the assigned therapist is whoever is on call.
    """
    if audience is Audience.EVERYONE:
        return staff
    duty = duty_of(audience)
    on_duty = [person for person in staff if person.duty == duty]
    return on_duty or [person for person in staff if person.role == "admin"] or staff


def _tell(
    db: Session,
    clinic: Clinic,
    flag: Flag,
    step: EscalationStep,
    people: list[Staff],
    planned: dict[UUID, Message],
    now: datetime,
) -> None:
    name = _name(flag, step)
    told = told_of(db, flag, name)
    reached = [
        person.id in told or tell(db, clinic, flag, name, person, planned, now) for person in people
    ]
    if not any(reached):
        _log.error("nobody_to_tell", flag=str(flag.id), clinic=str(clinic.id), step=name)


def _locked(db: Session, flag_id: UUID) -> Flag | None:
    """The flag, locked; None while another worker has it."""
    return db.scalar(select(Flag).where(Flag.id == flag_id).with_for_update(skip_locked=True))


def _note_failure(db: Session, notice: Notice, message: Message, now: datetime) -> None:
    _log.error("notice_not_delivered", flag=str(notice.flag_id), message=str(message.id))
    audit.record(
        db,
        clinic_id=notice.clinic_id,
        at=now,
        actor="worker",
        action="notice_failed",
        subject=f"flag:{notice.flag_id}",
        message=str(message.id),
        reason=message.reason or "",
    )
