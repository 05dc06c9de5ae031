"""A flag that nobody takes is told to more and more people, each step once."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from service.domain.values import (
    CallOutcome,
    Channel,
    FlagState,
    Level,
    MessageKind,
    MessageState,
    Role,
)
from service.pathway.administration import create_staff
from service.pathway.callbacks import own, record_call
from service.pathway.escalation import follow_notices, tell_staff
from service.pathway.flagging import sound_alarm
from service.store.audit import AuditEntry
from service.store.clinics import Clinic, Staff
from service.store.flags import Flag, Notice
from service.store.messages import Message
from service.store.patients import Address, address_for
from service.web.api.views import flag_view
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


def steps_told(sessions):
    with sessions() as db:
        return list(db.scalars(select(Notice.step).order_by(Notice.created_at, Notice.id)))


def test_a_taken_flag_without_a_call_is_told_again_from_its_deadline(sessions, flag_id):
    tell_staff(sessions, NOON)
    with sessions.begin() as db:
        flag = db.get_one(Flag, flag_id)
        own(db, flag.clinic_id, flag_id, "maria", minutes(2))

    for minute in range(3, 15):
        assert tell_staff(sessions, minutes(minute)) == 0
    assert tell_staff(sessions, minutes(15)) == 1

    assert told(sessions) == [ON_CALL, ON_CALL]


def missed(sessions, flag_id, minute):
    with sessions.begin() as db:
        flag = db.get_one(Flag, flag_id)
        record_call(
            db, flag.clinic_id, flag_id, CallOutcome.NO_ANSWER, None, "maria", minutes(minute)
        )


def test_a_call_that_reached_nobody_brings_the_flag_back_when_the_next_is_due(sessions, flag_id):
    tell_staff(sessions, NOON)
    missed(sessions, flag_id, 1)

    assert tell_staff(sessions, minutes(10)) == 0
    for minute in (11, 14):
        tell_staff(sessions, minutes(minute))
        tell_staff(sessions, minutes(minute))

    assert told(sessions) == [ON_CALL, ON_CALL, LEAD]


def test_an_emergency_is_tried_three_times_within_half_an_hour_and_then_the_lead_decides(
    sessions, flag_id
):
    tell_staff(sessions, NOON)
    for minute in (5, 15, 25):
        missed(sessions, flag_id, minute)

    tell_staff(sessions, minutes(25))

    assert told(sessions) == [ON_CALL, LEAD]
    assert steps_told(sessions)[-1].startswith("emergency:lead_decides")


def test_a_flag_that_rises_is_told_from_the_beginning(sessions, flag_id):
    tell_staff(sessions, NOON)
    with sessions.begin() as db:
        sound_alarm(db.get_one(Flag, flag_id), minutes(60))

    tell_staff(sessions, minutes(60))

    assert told(sessions) == [ON_CALL, ON_CALL]


def became(sessions, state):
    """All notices on their way end like that."""
    with sessions.begin() as db:
        on_their_way = (MessageState.PLANNED, MessageState.ACCEPTED)
        for message in db.scalars(select(Message).where(Message.state.in_(on_their_way))):
            message.state, message.reason = state, "as the test wants"


def mail_of(duty):
    return f"{duty}@bayou.example"


def test_a_notice_that_arrived_is_written_down(sessions, flag_id):
    tell_staff(sessions, NOON)
    became(sessions, MessageState.DELIVERED)

    follow_notices(sessions, minutes(1))

    with sessions() as db:
        assert {told.arrived_at for told in db.scalars(select(Notice))} == {minutes(1)}
    assert told(sessions) == [ON_CALL]


@pytest.mark.parametrize(
    "state", [MessageState.REFUSED, MessageState.UNDELIVERED, MessageState.SKIPPED]
)
def test_a_notice_that_does_not_arrive_goes_by_email_and_to_the_next_person(
    sessions, flag_id, state
):
    tell_staff(sessions, NOON)
    became(sessions, state)

    follow_notices(sessions, minutes(1))
    follow_notices(sessions, minutes(1))

    assert told(sessions) == [ON_CALL, mail_of("on_call"), LEAD]
    with sessions() as db:
        assert flag_view(db, db.get_one(Flag, flag_id)).failed_notices > 0
        failed = db.scalars(select(Notice).where(Notice.failed_at.is_not(None))).all()
        assert {notice.failed_at for notice in failed} == {minutes(1)}
        assert "notice_failed" in set(db.scalars(select(AuditEntry.action)))


def test_when_nothing_arrives_everybody_is_tried_once_and_then_in_their_turn(sessions, flag_id):
    tell_staff(sessions, NOON)
    for _ in range(6):
        became(sessions, MessageState.REFUSED)
        follow_notices(sessions, minutes(1))

    everybody = [ON_CALL, LEAD, DIRECTOR, *map(mail_of, ("on_call", "lead", "director"))]
    assert sorted(told(sessions)) == sorted(everybody)


def test_a_step_that_was_taken_early_is_not_taken_again(sessions, flag_id):
    tell_staff(sessions, NOON)
    became(sessions, MessageState.REFUSED)
    follow_notices(sessions, minutes(1))

    tell_staff(sessions, minutes(3))

    assert told(sessions).count(LEAD) == 1


def test_nobody_is_woken_for_a_flag_that_was_taken_meanwhile(sessions, flag_id):
    tell_staff(sessions, NOON)
    became(sessions, MessageState.UNDELIVERED)
    with sessions.begin() as db:
        flag = db.get_one(Flag, flag_id)
        own(db, flag.clinic_id, flag_id, "maria", minutes(1))

    follow_notices(sessions, minutes(2))

    assert told(sessions) == [ON_CALL]


def test_a_routine_notice_that_fails_wakes_nobody_else_if_an_email_can_go(sessions, flag_id):
    with sessions.begin() as db:
        db.get_one(Flag, flag_id).level = Level.ROUTINE
    tell_staff(sessions, NOON)
    became(sessions, MessageState.REFUSED)

    follow_notices(sessions, minutes(1))

    assert told(sessions) == [ON_CALL, mail_of("on_call")]


@pytest.mark.parametrize("lacking", ["phone", "sender", "opted_out"])
def test_staff_whom_no_text_can_reach_are_told_by_email(sessions, flag_id, lacking):
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        if lacking == "phone":
            db.scalars(select(Staff).where(Staff.duty == "on_call")).one().phone = None
        elif lacking == "sender":
            clinic.sender = None
        else:
            address_for(db, clinic.id, Channel.SMS, ON_CALL, NOON).opted_out_at = NOON

    tell_staff(sessions, NOON)

    assert told(sessions) == [mail_of("on_call")]
    became(sessions, MessageState.ACCEPTED)
    follow_notices(sessions, minutes(1))
    with sessions() as db:
        assert db.scalars(select(Notice.arrived_at).distinct()).all() == [minutes(1)]


def test_one_flag_that_cannot_be_told_of_does_not_silence_the_others(sessions, flag_id):
    with sessions.begin() as db:
        broken = a_clinic(db, name="Broken", sender="+12815550900", time_zone="Mars/Olympus")
        db.add(
            Flag(
                clinic_id=broken.id,
                kind="task",
                level=Level.ROUTINE,
                categories=[],
                reason="x",
                raised_at=NOON,
                due_at=NOON,
                state=FlagState.OPEN,
                escalate_at=NOON - timedelta(days=1),
            )
        )

    assert tell_staff(sessions, NOON) == 1
    assert told(sessions) == [ON_CALL]


def test_two_workers_tell_each_person_once(sessions, flag_id):
    start = Barrier(2)

    def look():
        start.wait()
        tell_staff(sessions, minutes(3))

    workers = [Thread(target=look) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(told(sessions)) == [ON_CALL, LEAD]


def test_a_notice_holds_nothing_of_the_patient(sessions, flag_id):
    tell_staff(sessions, NOON)

    with sessions.begin() as db:
        [message, *_] = db.scalars(select(Message)).all()
        assert message.wording == "notice_emergency"
        assert set(message.slots) == {"callby"}
        assert message.patient_id is None
