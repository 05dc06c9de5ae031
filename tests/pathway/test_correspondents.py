"""Whose text it is: families on one phone, guardians, strangers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import Channel, Language, MessageState
from service.pathway.replies import receive
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Patient, address_for
from service.store.replies import Reply
from tests.make import NOON, a_clinic
from tests.pathway.builders import PHONE, a_patient, a_sent_checkin, a_session, a_text

RULES = reply_rules()


@pytest.fixture
def family(sessions):
    """Ana and Ben share a phone, and both were asked for their pain an hour ago."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        ana = a_patient(db, clinic)
        ben = Patient(
            clinic_id=clinic.id,
            first_name="Ben",
            language=Language.EN,
            channel=Channel.SMS,
            phone_address_id=address_for(db, clinic.id, Channel.SMS, PHONE, NOON).id,
            created_at=NOON,
        )
        db.add(ben)
        db.flush()
        for patient in (ana, ben):
            a_sent_checkin(db, a_session(db, patient), patient)
        return {"Ana": ana.id, "Ben": ben.id}


@pytest.fixture
def writes(sessions):
    count = 0

    def write(body, minutes=0):
        nonlocal count
        count += 1
        with sessions.begin() as db:
            clinic = db.scalars(select(Clinic)).one()
            text = a_text(body, f"SM{count}", NOON + timedelta(minutes=minutes))
            return receive(db, clinic, text, RULES).answer

    return write


def answered(sessions):
    with sessions() as db:
        found = db.scalars(select(Message).where(Message.answered_at.is_not(None)))
        return [message.patient_id for message in found]


def test_a_shared_phone_is_asked_who_and_the_name_ties_the_answer(sessions, family, writes):
    assert writes("3") == "shared_phone"
    assert answered(sessions) == []

    assert writes("It's Ben", 10) == "signs"

    assert answered(sessions) == [family["Ben"]]
    with sessions() as db:
        assert set(db.scalars(select(Reply.patient_id))) == {family["Ben"]}
        assert set(db.scalars(select(Flag.patient_id))) == {family["Ben"]}


def test_what_waited_for_the_name_is_read_as_that_patients(sessions, family, writes):
    writes("9")

    assert writes("ana", 1) == "urgent"

    with sessions() as db:
        flag = db.scalars(select(Flag)).one()
        assert (flag.level.value, flag.patient_id) == ("urgent", family["Ana"])
        assert "severe_pain" in flag.categories


def test_words_beside_the_name_are_read_too(sessions, family, writes):
    writes("3")

    assert writes("Ben, hand is numb", 10) == "urgent"


def test_a_name_nobody_has_is_asked_about_once_and_left_to_staff(sessions, family, writes):
    writes("3")

    assert writes("Carla", 10) == "none"
    with sessions() as db:
        assert {flag.patient_id for flag in db.scalars(select(Flag))} == {None}


def test_an_emergency_on_a_shared_phone_is_answered_before_anybody_asks_who(
    sessions, family, writes
):
    assert writes("i cant breathe") == "emergency"
    with sessions() as db:
        assert db.scalars(select(Flag)).one().level.value == "emergency"


def test_with_one_question_open_nobody_needs_to_be_asked(sessions, family, writes):
    with sessions.begin() as db:
        theirs = select(Message).where(Message.patient_id == family["Ben"])
        db.scalars(theirs).one().answered_at = NOON - timedelta(hours=1)

    assert writes("3") == "signs"
    assert family["Ana"] in answered(sessions)


@pytest.mark.parametrize(
    ("guardian", "level", "category"),
    [(True, "urgent", "infection"), (False, "routine", "other_person")],
)
def test_my_son_is_the_patient_in_a_guardians_thread_only(
    sessions, writes, guardian, level, category
):
    with sessions.begin() as db:
        patient = a_patient(db, a_clinic(db))
        patient.guardian = guardian
        a_sent_checkin(db, a_session(db, patient), patient)

    writes("my son has a fever")

    with sessions() as db:
        flag = db.scalars(select(Flag)).one()
        assert flag.level.value == level
        assert category in flag.categories


def test_a_strangers_text_is_kept_and_waits_in_the_list(sessions, writes):
    with sessions.begin() as db:
        a_clinic(db)

    assert writes("is this the needling place") == "none"

    with sessions() as db:
        reply, flag = db.scalars(select(Reply)).one(), db.scalars(select(Flag)).one()
        assert reply.body == "is this the needling place"
        assert (reply.patient_id, flag.patient_id, flag.reply_id) == (None, None, reply.id)
        assert "unknown_sender" in flag.categories


def test_a_check_in_that_never_went_out_is_not_what_is_answered(sessions, writes):
    with sessions.begin() as db:
        patient = a_patient(db, a_clinic(db))
        checkin = a_sent_checkin(db, a_session(db, patient), patient)
        checkin.state, checkin.reason = MessageState.REFUSED, "no"

    writes("3")

    assert answered(sessions) == []
