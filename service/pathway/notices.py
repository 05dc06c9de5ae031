"""A member of staff is told of a flag: by text, or by email where no text can reach them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION
from service.domain.values import LANE_REPLY, Channel, Language, MessageKind, MessageState, Role
from service.store.base import new_id
from service.store.clinics import Clinic, Staff, staff_of
from service.store.flags import Flag, Notice
from service.store.messages import Message
from service.store.patients import Address, address_for

TEST = "notice_test"

_USEFUL_FOR = timedelta(minutes=30)
"""A notice that could not be sent for so long is overtaken by the next step."""


def told_of(db: Session, flag: Flag, step: str) -> set[UUID]:
    """Return who was told of this step already, in whatever way."""
    return set(
        db.scalars(select(Notice.staff_id).where(Notice.flag_id == flag.id, Notice.step == step))
    )


def tell(
    db: Session,
    clinic: Clinic,
    flag: Flag,
    step: str,
    person: Staff,
    planned: dict[UUID, Message],
    now: datetime,
) -> bool:
    """Plan a notice to one person; False when there is no way to reach them.

    `planned` holds the messages of this moment by person: several steps are one message.
    """
    if person.id not in planned:
        ways = ways_to(db, clinic, person, now)
        if not ways:
            return False
        planned[person.id] = _planned_message(db, clinic, flag, ways[0], now)
    _note(db, flag, step, person.id, planned[person.id], now)
    return True


def tell_otherwise(
    db: Session, clinic: Clinic, flag: Flag, failed: Notice, person: Staff, now: datetime
) -> bool:
    """Tell a person whose notice did not arrive in another way; False when there is none."""
    tried = set(
        db.scalars(
            select(Notice.channel).where(
                Notice.flag_id == flag.id,
                Notice.step == failed.step,
                Notice.staff_id == person.id,
            )
        )
    )
    ways = [way for way in ways_to(db, clinic, person, now) if way.channel not in tried]
    if not ways:
        return False
    message = _planned_message(db, clinic, flag, ways[0], now)
    _note(db, flag, failed.step, person.id, message, now)
    return True


def ways_to(db: Session, clinic: Clinic, person: Staff, now: datetime) -> list[Address]:
    """Return where a member of staff may be written to, texts first."""
    given = []
    if person.phone and clinic.sender and clinic.sending_stopped_at is None:
        given.append((Channel.SMS, person.phone))
    if clinic.email_from:
        given.append((Channel.EMAIL, person.email))
    found = [address_for(db, clinic.id, channel, value, now) for channel, value in given]
    return [address for address in found if address.may_receive()]


def tell_sending_stopped(db: Session, clinic: Clinic, now: datetime) -> None:
    """Tell every admin that the clinic's texts have stopped: by email, where it has an address."""
    for person in staff_of(db, clinic.id):
        if person.role is Role.ADMIN:
            for way in ways_to(db, clinic, person, now)[:1]:
                _plan(db, clinic, "notice_stopped", {}, way, now)


def plan_test(db: Session, clinic: Clinic, to: Address, now: datetime) -> Message:
    """Plan a message that only shows whether notices reach its address."""
    return _plan(db, clinic, TEST, {}, to, now)


def _planned_message(
    db: Session, clinic: Clinic, flag: Flag, to: Address, now: datetime
) -> Message:
    wording = "notice_task" if flag.kind == "task" else f"notice_{flag.level.value}"
    return _plan(db, clinic, wording, {"callby": flag.due_at.isoformat()}, to, now)


def _plan(
    db: Session, clinic: Clinic, wording: str, slots: dict[str, str], to: Address, now: datetime
) -> Message:
    message = Message(
        id=new_id(),
        clinic_id=clinic.id,
        address_id=to.id,
        key=wording,
        kind=MessageKind.NOTICE,
        lane=int(LANE_REPLY),
        channel=to.channel,
        wording=wording,
        language=Language.EN,
        protocol_version=CURRENT_VERSION,
        slots=slots,
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


def _note(
    db: Session, flag: Flag, step: str, staff_id: UUID, message: Message, now: datetime
) -> None:
    db.add(
        Notice(
            clinic_id=flag.clinic_id,
            flag_id=flag.id,
            step=step,
            staff_id=staff_id,
            channel=message.channel,
            message_id=message.id,
            created_at=now,
        )
    )
