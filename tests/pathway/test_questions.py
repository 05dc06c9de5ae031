"""What a patient is asked back, and what follows when no answer comes."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import CallOutcome, Level, MessageKind, MessageState
from service.pathway.callbacks import record_call
from service.pathway.questions import act_on_silence
from service.pathway.replies import receive
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.replies import Reply
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_patient, a_sent_checkin, a_session, a_text

RULES = reply_rules()


def after(minutes):
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def ana(sessions):
    """Ana was asked for her pain an hour ago, two days after her session; day 4 is to come."""
    with sessions.begin() as db:
        patient = a_patient(db, a_clinic(db))
        session = a_session(db, patient)
        a_sent_checkin(db, session, patient)
        later = NOON + timedelta(days=2)
        a_message(
            db,
            session,
            patient,
            "checkin_96h",
            send_at=later,
            send_before=later + timedelta(hours=4),
            useful_until=later + timedelta(hours=12),
        )


@pytest.fixture
def writes(sessions, ana):
    """Ana writes a text so many minutes after noon; returns the key of what answers it."""
    count = 0

    def write(body, minutes=0):
        nonlocal count
        count += 1
        with sessions.begin() as db:
            clinic = db.scalars(select(Clinic)).one()
            text = a_text(body, f"SM{count}", after(minutes))
            return receive(db, clinic, text, RULES).answer

    return write


def sent_back(sessions):
    with sessions() as db:
        return list(
            db.scalars(
                select(Message.key)
                .where(Message.kind == MessageKind.REPLY)
                .order_by(Message.created_at, Message.id)
            )
        )


def flags(sessions):
    with sessions() as db:
        return [(flag.level.value, flag.categories) for flag in db.scalars(select(Flag))]


def test_a_bare_low_number_is_asked_for_signs_and_thanked_once_they_are_answered(sessions, writes):
    assert writes("3") == "signs"
    assert writes("N", 7) == "ok_48h"
    assert flags(sessions) == []


def test_the_thanks_say_that_it_was_the_last_question_when_it_was(sessions, writes):
    with sessions.begin() as db:
        last = db.scalars(select(Message).where(Message.key == "checkin_96h")).one()
        last.state, last.reason = MessageState.CANCELLED, "A newer session took over."

    assert writes("3") == "signs"
    assert writes("none", 7) == "ok_96h"


def test_signs_that_stay_unanswered_after_a_good_answer_are_let_be(sessions, writes):
    writes("3")

    assert act_on_silence(sessions, RULES, after(13 * 60)) == 0
    assert sent_back(sessions) == ["signs"]
    assert flags(sessions) == []


def test_a_number_in_words_holds_letters_and_is_thanked_at_once(writes):
    assert writes("just a 3, feeling good") == "ok_48h"


def test_the_signs_are_asked_once_for_each_check_in(writes):
    assert writes("3") == "signs"
    assert writes("2", 2) == "none"


def test_a_letter_raises_what_it_stands_for(sessions, writes):
    writes("3")

    assert writes("b", 20) == "urgent"
    assert flags(sessions) == [("urgent", ["nerve"])]


def routine_answer(writes):
    """An old, steady pain of 7: a routine finding (C5)."""
    return writes("7")


@pytest.fixture
def steady(sessions, ana):
    with sessions.begin() as db:
        db.scalars(select(TreatmentSession)).one().baseline_pain = 7


def test_a_routine_number_is_a_task_at_once_and_is_promised_a_call_after_the_signs(
    sessions, steady, writes
):
    assert routine_answer(writes) == "signs"
    assert flags(sessions) == [("routine", ["severe_pain"])]

    assert writes("n", 4) == "routine"
    assert act_on_silence(sessions, RULES, after(30)) == 0
    assert flags(sessions) == [("routine", ["severe_pain"])]


def test_without_signs_the_call_is_promised_after_ten_minutes_and_once(sessions, steady, writes):
    routine_answer(writes)

    assert act_on_silence(sessions, RULES, after(9)) == 0
    assert act_on_silence(sessions, RULES, after(10)) == 1
    assert act_on_silence(sessions, RULES, after(11)) == 0
    assert sent_back(sessions) == ["signs", "routine"]


def test_a_letter_that_comes_after_the_promise_is_still_read(sessions, steady, writes):
    routine_answer(writes)
    act_on_silence(sessions, RULES, after(10))

    assert writes("C", 25) == "urgent"
    assert flags(sessions) == [("urgent", ["severe_pain", "infection"])]


def test_no_signs_after_the_promise_never_takes_the_call_back(sessions, steady, writes):
    routine_answer(writes)
    act_on_silence(sessions, RULES, after(10))

    assert writes("N", 25) == "update"
    assert flags(sessions) == [("routine", ["severe_pain"])]


def test_a_yes_to_the_signs_is_asked_which_and_else_taken_for_numbness(sessions, writes):
    writes("3")
    assert writes("yes", 6) == "clarify_signs"
    assert flags(sessions) == []

    assert act_on_silence(sessions, RULES, after(20)) == 0
    assert act_on_silence(sessions, RULES, after(21)) == 1

    assert flags(sessions) == [("urgent", ["nerve", "signs_not_named"])]
    assert sent_back(sessions) == ["signs", "clarify_signs", "urgent"]


def test_a_second_yes_is_not_asked_about_again(sessions, writes):
    writes("3")
    writes("si", 6)

    assert writes("si", 12) == "urgent"
    assert flags(sessions)[0][0] == "urgent"


def test_naming_the_sign_in_time_settles_the_question(sessions, writes):
    writes("3")
    writes("yes", 6)

    assert writes("D", 12) == "urgent"
    assert act_on_silence(sessions, RULES, after(60)) == 0
    assert flags(sessions) == [("urgent", ["spasm"])]


def doubtful(writes):
    answer = writes("help me")
    assert answer == "safety_check"


def test_a_doubt_that_is_not_cleared_up_means_phone_now(sessions, writes):
    doubtful(writes)
    assert flags(sessions)[0][0] == "urgent"

    assert act_on_silence(sessions, RULES, after(15)) == 1

    with sessions() as db:
        flag = db.scalars(select(Flag)).one()
        assert flag.level is Level.EMERGENCY
        assert flag.due_at == flag.escalate_at == after(15)
        assert "safety_check_unanswered" in flag.categories


def test_yes_to_the_safety_check_is_an_emergency(sessions, writes):
    doubtful(writes)

    assert writes("YES", 6) == "emergency"
    assert flags(sessions)[0][0] == "emergency"


def test_no_to_the_safety_check_leaves_it_to_staff(sessions, writes):
    doubtful(writes)
    writes("no", 6)

    assert act_on_silence(sessions, RULES, after(16)) == 0
    assert flags(sessions)[0][0] == "urgent"


def test_other_words_do_not_answer_the_safety_check(sessions, writes):
    doubtful(writes)
    writes("thanks", 6)

    act_on_silence(sessions, RULES, after(15))
    assert flags(sessions)[0][0] == "emergency"


def test_a_call_that_reached_the_patient_ends_the_doubt(sessions, writes):
    doubtful(writes)
    with sessions.begin() as db:
        flag = db.scalars(select(Flag)).one()
        record_call(db, flag.clinic_id, flag.id, CallOutcome.REACHED, None, "maria", after(5))

    act_on_silence(sessions, RULES, after(15))
    assert flags(sessions)[0][0] == "urgent"


def test_who_cannot_be_asked_is_phoned_at_once(sessions, writes):
    writes("stop")

    assert writes("help me", 10) == "none"
    # Beside it the calls that stand in for the check-ins.
    assert [level for level, _ in flags(sessions)].count("emergency") == 1


def test_unclear_words_are_asked_about_once_and_then_go_to_a_person(sessions, writes):
    assert writes("qwertz asdf") == "clarify"
    assert flags(sessions) == []

    assert writes("zxcv uiop", 10) == "routine"
    assert flags(sessions)[0][0] == "routine"


def test_a_sign_of_the_thumb_is_asked_about_once(sessions, writes):
    assert writes("👍") == "clarify"
    assert writes("👍", 10) == "routine"
    assert flags(sessions) == [("routine", ["unclear"])]


def test_unclear_words_that_stay_unclear_go_to_a_person(sessions, writes):
    writes("qwertz asdf")

    assert act_on_silence(sessions, RULES, after(59)) == 0
    assert act_on_silence(sessions, RULES, after(60)) == 1
    assert flags(sessions) == [("routine", ["unclear"])]


def test_a_number_answers_what_was_unclear_also_without_a_check_in(sessions, writes):
    with sessions.begin() as db:
        checkin = db.scalars(select(Message).where(Message.key == "checkin_48h")).one()
        checkin.answered_at = NOON - timedelta(minutes=30)
    writes("qwertz asdf")

    assert writes("3", 10) == "signs"
    assert act_on_silence(sessions, RULES, after(60)) == 0
    assert flags(sessions) == []


def emergency_answer(sessions, state):
    with sessions.begin() as db:
        message = db.scalars(select(Message).where(Message.key == "emergency")).one()
        message.state, message.reason = state, "as the test wants"


@pytest.mark.parametrize("state", [MessageState.REFUSED, MessageState.UNDELIVERED])
def test_an_emergency_text_that_does_not_arrive_alerts_staff_at_once(sessions, writes, state):
    writes("i cant breathe")
    emergency_answer(sessions, state)

    act_on_silence(sessions, RULES, after(1))

    with sessions() as db:
        flag = db.scalars(select(Flag)).one()
        assert flag.alarm_at == after(1)
        assert "answer_not_delivered" in flag.categories


def test_an_emergency_text_that_arrived_alerts_nobody_again(sessions, writes):
    writes("i cant breathe")
    emergency_answer(sessions, MessageState.DELIVERED)

    act_on_silence(sessions, RULES, after(1))
    assert act_on_silence(sessions, RULES, after(30)) == 0
    assert "answer_not_delivered" not in flags(sessions)[0][1]


def test_an_emergency_text_that_never_leaves_is_noticed_in_the_end(sessions, writes):
    writes("i cant breathe")

    for minute in range(1, 11):
        act_on_silence(sessions, RULES, after(minute))

    assert "answer_not_delivered" in flags(sessions)[0][1]


def test_two_workers_act_on_one_silence_once(sessions, steady, writes):
    routine_answer(writes)
    start = Barrier(2)
    acted = []

    def work():
        start.wait()
        acted.append(act_on_silence(sessions, RULES, after(10)))

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(acted) == [0, 1]
    assert sent_back(sessions) == ["signs", "routine"]


def test_every_question_waits_in_the_database(sessions, writes):
    writes("help me")

    with sessions() as db:
        assert db.scalars(select(Reply.act_at)).one() == after(15)
