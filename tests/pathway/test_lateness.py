"""What was due while nothing could be sent: tips are dropped, check-ins reach the patient."""

from datetime import timedelta

from sqlalchemy import select

from service.domain.values import MessageKind, MessageState
from service.pathway.lateness import judge_again
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.patients import Address
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address

EVENING = NOON + timedelta(hours=8)  # 20:00 in Chicago
CLOSED = NOON + timedelta(hours=5, minutes=30)


def late(db, key, kind, useful_for):
    clinic = a_clinic(db)
    return a_message(
        db,
        clinic,
        an_address(db, clinic),
        key=key,
        kind=kind,
        send_at=NOON,
        send_before=CLOSED,
        useful_until=NOON + useful_for,
    )


def test_a_late_tip_is_dropped_with_a_reason(sessions):
    with sessions.begin() as db:
        tip = late(db, "hydrate", MessageKind.TIP, timedelta(hours=8))

        judge_again(db, tip, EVENING)

        assert tip.state is MessageState.SKIPPED
        assert "too late" in tip.reason


def test_a_late_check_in_moves_to_the_next_morning(sessions):
    with sessions.begin() as db:
        checkin = late(db, "checkin_96h", MessageKind.CHECKIN, timedelta(hours=24))

        judge_again(db, checkin, EVENING)

        assert checkin.state is MessageState.PLANNED
        assert checkin.send_at == NOON + timedelta(hours=22)  # 10:00 the next day
        assert checkin.send_before == NOON + timedelta(hours=24)


def test_a_check_in_past_its_horizon_becomes_a_phone_task(sessions):
    with sessions.begin() as db:
        checkin = late(db, "checkin_48h", MessageKind.CHECKIN, timedelta(hours=12))

        judge_again(db, checkin, EVENING)
        db.flush()

        assert checkin.state is MessageState.SKIPPED
        assert db.scalars(select(Flag.message_id)).all() == [checkin.id]


def test_a_late_welcome_is_still_welcome_the_next_morning(sessions):
    with sessions.begin() as db:
        welcome = late(db, "welcome", MessageKind.REMINDER, timedelta(days=7))

        judge_again(db, welcome, NOON + timedelta(hours=9))  # 21:00, the end of its window

        assert welcome.state is MessageState.PLANNED
        assert welcome.send_at == NOON + timedelta(hours=20)  # 08:00 the next day


def test_a_late_answer_or_notice_is_not_sent_at_all(sessions):
    with sessions.begin() as db:
        answer = late(db, "routine", MessageKind.REPLY, timedelta(minutes=10))

        judge_again(db, answer, EVENING)

        assert answer.state is MessageState.SKIPPED


def test_a_nudge_that_comes_too_late_asks_nobody_to_phone(sessions):
    with sessions.begin() as db:
        nudge = late(db, "nudge_96h", MessageKind.CHECKIN, timedelta(hours=6))

        judge_again(db, nudge, EVENING)
        db.flush()

        assert nudge.state is MessageState.SKIPPED
        assert db.scalars(select(Flag)).all() == []


def test_after_an_outage_messages_to_a_patient_keep_their_distance(sessions):
    with sessions.begin() as db:
        checkin = late(db, "checkin_96h", MessageKind.CHECKIN, timedelta(hours=30))
        morning = NOON + timedelta(hours=22)
        a_message(
            db,
            db.get_one(Clinic, checkin.clinic_id),
            db.get_one(Address, checkin.address_id),
            key="tip_72h",
            kind=MessageKind.TIP,
            state=MessageState.DELIVERED,
            reason="It has arrived.",
            sent_at=morning,
        )

        judge_again(db, checkin, morning)

        assert checkin.send_at == morning + timedelta(hours=1)
