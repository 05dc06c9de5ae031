"""A flag that nobody takes is told to more and more people, each step once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.values import FlagState, Level, MessageKind, Role
from service.pathway.administration import create_staff
from service.pathway.escalation import tell_staff
from service.store.flags import Flag, Notice
from service.store.messages import Message
from service.store.patients import Address
from tests.make import NOON, a_clinic

ON_CALL, LEAD, DIRECTOR = "+12815550201", "+12815550202", "+12815550203"


@pytest.fixture
def flag_id(sessions):
    """An emergency flag raised at noon, in a clinic with three people to tell."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        for duty, phone in (("on_call", ON_CALL), ("lead", LEAD), ("director", DIRECTOR)):
            create_staff(
                db,
                clinic,
                email=f"{duty}@bayou.example",
                role=Role.ADMIN,
                phone=phone,
                duty=duty,
                now=NOON,
            )
        flag = Flag(
            clinic_id=clinic.id,
            kind="reply",
            level=Level.EMERGENCY,
            categories=["breathing"],
            reason="Reply: breathing",
            raised_at=NOON,
            due_at=NOON + timedelta(minutes=15),
            state=FlagState.OPEN,
            escalate_at=NOON,
        )
        db.add(flag)
        db.flush()
        return flag.id


def told(sessions):
    """The numbers that were told, in the order of telling."""
    with sessions.begin() as db:
        return list(
            db.scalars(
                select(Address.value)
                .join(Message, Message.address_id == Address.id)
                .where(Message.kind == MessageKind.NOTICE)
                .order_by(Message.id)
            )
        )


def minutes(count):
    return NOON + timedelta(minutes=count)


def test_on_call_is_told_at_once_and_nobody_else(sessions, flag_id):
    tell_staff(sessions, NOON)

    assert told(sessions) == [ON_CALL]


def test_looking_twice_tells_nobody_twice(sessions, flag_id):
    tell_staff(sessions, NOON)
    before = told(sessions)

    tell_staff(sessions, NOON)

    assert told(sessions) == before


def test_three_six_and_ten_minutes_reach_further(sessions, flag_id):
    for minute in range(11):
        tell_staff(sessions, minutes(minute))

    first = [told(sessions).index(phone) for phone in (ON_CALL, LEAD, DIRECTOR)]
    assert first == sorted(first)
    with sessions.begin() as db:
        steps = set(db.scalars(select(Notice.step)))
    assert {"emergency:on_call", "emergency:next_person", "emergency:director"} <= steps
    assert "emergency:everyone" in steps


def test_a_worker_that_was_away_catches_up_and_goes_on(sessions, flag_id):
    tell_staff(sessions, minutes(7))

    assert sorted(told(sessions)) == [ON_CALL, LEAD, DIRECTOR]
    with sessions.begin() as db:
        assert db.get_one(Flag, flag_id).escalate_at == minutes(10)


def test_a_flag_that_was_taken_is_told_no_further(sessions, flag_id):
    with sessions.begin() as db:
        db.get_one(Flag, flag_id).escalate_at = None

    assert tell_staff(sessions, minutes(10)) == 0
    assert told(sessions) == []


def test_a_notice_holds_nothing_of_the_patient(sessions, flag_id):
    tell_staff(sessions, NOON)

    with sessions.begin() as db:
        [message, *_] = db.scalars(select(Message)).all()
        assert message.wording == "notice_emergency"
        assert set(message.slots) == {"callby"}
        assert message.patient_id is None
