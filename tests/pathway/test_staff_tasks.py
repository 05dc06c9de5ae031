"""Where no message can go, people phone on day 2 and day 4."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import (
    Channel,
    Consents,
    FlagState,
    HeatIcePlan,
    Language,
    MessageState,
    TriggerPoints,
)
from service.pathway.enrolment import NewPatient, NewSession, enrol
from service.pathway.escalation import tell_staff
from service.pathway.optouts import lock_address, opt_out
from service.pathway.replies import receive
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import address_for
from tests.make import NOON, a_clinic
from tests.pathway.builders import PHONE, a_text

DAY = timedelta(days=1)


@pytest.fixture
def clinic(sessions):
    with sessions.begin() as db:
        return a_clinic(db)


def enrolled(db, clinic, *, email=None, phone=PHONE):
    patient = NewPatient(
        first_name="Ana",
        phone=phone,
        email=email,
        language=Language.EN,
        time_zone=None,
        channel=Channel.SMS,
        consents=Consents(sms=phone is not None, email=email is not None),
    )
    session = NewSession(
        external_id=None,
        patient=patient,
        ended_at=NOON - timedelta(hours=1),
        regions=("calf_foot",),
        baseline_pain=4,
        first_session=False,
        trigger_points=TriggerPoints.LOW,
        plan=HeatIcePlan.EITHER,
        move_plan=None,
    )
    return enrol(db, db.merge(clinic), session, by="test", now=NOON)


def stop(db, clinic, channel=Channel.SMS, value=PHONE, at=NOON):
    address = lock_address(db, address_for(db, clinic.id, channel, value, at).id)
    opt_out(db, address, "text", at)


def calls_owed(sessions):
    with sessions() as db:
        return [
            (flag.categories, flag.escalate_at - NOON)
            for flag in db.scalars(
                select(Flag).where(Flag.kind == "task").order_by(Flag.escalate_at)
            )
        ]


ON_DAYS_2_AND_4 = [
    (["phone_48h"], 2 * DAY - timedelta(hours=1)),
    # Day 4 is a Saturday, on which nobody works.
    (["phone_96h"], 6 * DAY - timedelta(hours=5)),
]


def test_stop_leaves_a_call_for_each_check_in(sessions, clinic):
    with sessions.begin() as db:
        enrolled(db, clinic)
        stop(db, clinic)

    assert calls_owed(sessions) == ON_DAYS_2_AND_4


def test_a_new_session_of_somebody_who_said_stop_is_phoned_too(sessions, clinic):
    with sessions.begin() as db:
        stop(db, clinic)
        enrolled(db, clinic)

    assert calls_owed(sessions) == ON_DAYS_2_AND_4
    with sessions() as db:
        assert set(db.scalars(select(Message.state))) == {MessageState.SKIPPED}


def test_somebody_without_mobile_or_email_is_phoned(sessions, clinic):
    with sessions.begin() as db:
        enrolled(db, clinic, phone=None)

    assert [categories for categories, _ in calls_owed(sessions)] == [["phone_48h"], ["phone_96h"]]


def test_a_check_in_that_still_goes_by_email_needs_no_call(sessions, clinic):
    with sessions.begin() as db:
        enrolled(db, clinic, email="ana@home.example")
        stop(db, clinic)
    assert calls_owed(sessions) == []

    with sessions.begin() as db:
        stop(db, clinic, Channel.EMAIL, "ana@home.example")
    assert calls_owed(sessions) == ON_DAYS_2_AND_4


def test_a_check_in_answered_only_by_stop_is_phoned_about(sessions, clinic):
    with sessions.begin() as db:
        enrolled(db, clinic)
        checkin = db.scalars(select(Message).where(Message.key == "checkin_48h")).one()
        checkin.state, checkin.reason = MessageState.DELIVERED, "It has arrived."
        checkin.sent_at = checkin.send_at
        at = checkin.send_at + timedelta(hours=1)
        receive(db, db.merge(clinic), a_text("STOP", at=at), reply_rules())
        assert checkin.answered_at is None

    assert [categories for categories, _ in calls_owed(sessions)] == [["phone_48h"], ["phone_96h"]]


def test_saying_stop_twice_asks_for_no_more_calls(sessions, clinic):
    with sessions.begin() as db:
        enrolled(db, clinic)
        stop(db, clinic)
        stop(db, clinic)
        enrolled_again = db.scalars(select(Flag)).all()

    assert len(enrolled_again) == 2


def test_staff_are_told_on_the_day_and_not_before(sessions, clinic):
    with sessions.begin() as db:
        enrolled(db, clinic)
        stop(db, clinic)

    assert tell_staff(sessions, NOON + DAY) == 0
    assert tell_staff(sessions, NOON + 2 * DAY) == 1
    with sessions() as db:
        assert set(db.scalars(select(Flag.state))) == {FlagState.OPEN}
        assert db.scalars(select(Clinic)).one().name == "Bayou Needling"
