"""What patients write is stored once, obeyed at once, and put before a person when it must be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.triage.readings import Answer, Circumstances, Finding, Reading
from service.domain.values import Level, MessageKind, MessageState
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address
from service.store.replies import Reply
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    EMERGENCY,
    OK,
    ROUTINE,
    STOP,
    URGENT,
    a_message,
    a_patient,
    a_sent_checkin,
    a_session,
    a_text,
    rules_that_read,
)

STOP_IN_DANGER = replace(EMERGENCY, opt_out=True, keyword="stop", answer=Answer.STOP_SERIOUS)


def answers(db: Session) -> list[Message]:
    return list(db.scalars(select(Message).where(Message.kind == MessageKind.REPLY)))


def the_flag(db: Session) -> Flag:
    return db.scalars(select(Flag)).one()


def test_a_cry_for_help_inside_a_stop_opts_out_and_still_raises_an_emergency(
    sessions: Sessions,
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("STOP I can't breathe"), rules_that_read(STOP_IN_DANGER))

    with sessions() as db:
        assert db.scalars(select(Address)).one().opted_out_at == NOON
        assert the_flag(db).level is Level.EMERGENCY
        assert the_flag(db).escalate_at == NOON
        assert [answer.key for answer in answers(db)] == ["stop_serious"]


def test_a_text_the_provider_delivers_twice_counts_once(sessions: Sessions) -> None:
    rules = rules_that_read(URGENT)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        first = receive(db, clinic, a_text("numb"), rules)
    with sessions.begin() as db:
        second = receive(db, clinic, a_text("numb"), rules)

    assert first is not None
    assert second is None
    with sessions() as db:
        assert len(db.scalars(select(Reply)).all()) == 1
        assert len(db.scalars(select(Flag)).all()) == 1
        assert len(answers(db)) == 1


def test_stop_cancels_all_that_was_planned_and_confirms_once(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        planned = a_message(db, a_session(db, patient), patient, "checkin_96h")
        receive(db, clinic, a_text("stop", "SM1"), rules_that_read(STOP))
        receive(db, clinic, a_text("stop", "SM2"), rules_that_read(STOP))

        assert planned.state is MessageState.CANCELLED
        assert planned.reason == "opted out"
        assert [answer.key for answer in answers(db)] == ["stop"]
        actions = [entry.action for entry in db.scalars(select(AuditEntry))]
        assert actions.count("opted_out") == 1


def test_only_the_confirmation_may_reach_someone_who_opted_out_and_only_at_once(
    sessions: Sessions,
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("stop"), rules_that_read(STOP))
        confirmation = answers(db)[0]

        assert confirmation.send_before == NOON + timedelta(minutes=5)


def test_an_opt_out_the_provider_confirms_is_not_confirmed_again(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("stop", provider_confirms=True), rules_that_read(STOP))

        assert answers(db) == []


def test_someone_who_opted_out_is_still_triaged_but_gets_no_text(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("stop", "SM1"), rules_that_read(STOP))
        later = a_text("can't breathe", "SM2", NOON + timedelta(days=3))
        receive(db, clinic, later, rules_that_read(EMERGENCY))

        assert the_flag(db).level is Level.EMERGENCY
        assert [answer.key for answer in answers(db)] == ["stop"]


def test_start_lets_texts_go_out_again(sessions: Sessions) -> None:
    start = replace(OK, keyword="start", answer=Answer.START)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("stop", "SM1"), rules_that_read(STOP))
        receive(db, clinic, a_text("start", "SM2"), rules_that_read(start))

        assert db.scalars(select(Address)).one().may_receive()
        assert {answer.key for answer in answers(db)} == {"stop", "start"}


def test_a_doubtful_wish_to_stop_pauses_and_asks_a_person(sessions: Sessions) -> None:
    doubtful = replace(OK, doubtful_opt_out=True)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("should I stop?"), rules_that_read(doubtful))

        address = db.scalars(select(Address)).one()
        assert address.paused_because is not None
        assert address.opted_out_at is None
        assert "opt_out_doubtful" in the_flag(db).categories


def test_a_stranger_is_stored_and_flagged(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        receive(db, clinic, a_text("hello"), rules_that_read(OK))

        assert the_flag(db).categories == ["unknown_sender"]
        assert the_flag(db).patient_id is None
        assert answers(db) == []


def test_a_reply_that_triage_cannot_read_goes_to_a_person(sessions: Sessions) -> None:
    def fails(text: str, around: Circumstances) -> Reading:
        raise RuntimeError("broken rule file")

    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        reply = receive(db, clinic, a_text("hm"), rules_that_read(fails))

        assert reply is not None
        assert reply.read_at is None
        assert (the_flag(db).level, the_flag(db).categories) == (Level.ROUTINE, ["unclear"])


@pytest.mark.parametrize("word", ["Stop.", "ALTO", "basta!", "no más textos", "please stop"])
def test_a_plain_stop_is_obeyed_even_when_triage_fails(sessions: Sessions, word: str) -> None:
    def fails(text: str, around: Circumstances) -> Reading:
        raise RuntimeError("broken rule file")

    with sessions.begin() as db:
        clinic = a_clinic(db)
        receive(db, clinic, a_text(word), rules_that_read(fails))

        assert db.scalars(select(Address)).one().opted_out_at == NOON


def test_an_answered_checkin_is_not_asked_again(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        session = a_session(db, patient)
        checkin = a_sent_checkin(db, session, patient)
        nudge = a_message(db, session, patient, "nudge_48h")
        next_one = a_message(db, session, patient, "checkin_96h")
        reply = receive(db, clinic, a_text("2"), rules_that_read(replace(OK, score=2)))

        assert reply is not None
        assert (reply.checkin_id, reply.session_id) == (checkin.id, session.id)
        assert reply.score == 2
        assert checkin.answered_at == NOON
        assert (nudge.state, nudge.reason) == (MessageState.CANCELLED, "The patient answered.")
        assert next_one.state is MessageState.PLANNED
        assert reply.answer == "ok_48h"


def test_an_auto_reply_leaves_the_checkin_open(sessions: Sessions) -> None:
    driving = replace(OK, no_answer=True, answer=Answer.NONE)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        checkin = a_sent_checkin(db, a_session(db, patient), patient)
        receive(db, clinic, a_text("I'm driving"), rules_that_read(driving))

        assert checkin.answered_at is None
        assert answers(db) == []


def test_an_unclear_reply_is_asked_about_before_it_is_flagged(sessions: Sessions) -> None:
    unclear = replace(ROUTINE, categories=("unclear",), answer=Answer.CLARIFY)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        reply = receive(db, clinic, a_text("hm"), rules_that_read(unclear))

        assert reply is not None
        assert reply.answer == "clarify"
        assert db.scalars(select(Flag)).all() == []


def test_a_worse_reply_raises_the_waiting_flag_and_a_better_one_never_lowers_it(
    sessions: Sessions,
) -> None:
    hour = timedelta(hours=1)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("sore", "SM1"), rules_that_read(ROUTINE))
        receive(db, clinic, a_text("gasping", "SM2", NOON + hour), rules_that_read(EMERGENCY))
        receive(db, clinic, a_text("sore", "SM3", NOON + 2 * hour), rules_that_read(ROUTINE))

        flag = the_flag(db)
        assert flag.level is Level.EMERGENCY
        assert flag.categories == ["soreness", "breathing"]
        assert flag.due_at == NOON + 2 * hour
        assert [answer.key for answer in answers(db)] == ["routine", "emergency", "update"]


def test_texts_sent_in_pieces_are_read_together(sessions: Sessions) -> None:
    def whole(text: str, around: Circumstances) -> Reading:
        return EMERGENCY if text == "I can't\nbreathe" else OK

    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        soon = NOON + timedelta(minutes=2)
        receive(db, clinic, a_text("I can't", "SM1"), rules_that_read(whole))
        reply = receive(db, clinic, a_text("breathe", "SM2", soon), rules_that_read(whole))

        assert reply is not None
        assert reply.level is Level.EMERGENCY
        assert the_flag(db).level is Level.EMERGENCY


def test_a_photo_always_reaches_a_person(sessions: Sessions) -> None:
    photo = ({"url": "https://media.example/1", "type": "image/jpeg"},)
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        reply = receive(db, clinic, a_text("", media=photo), rules_that_read(OK))

        assert reply is not None
        assert reply.answer == "photo"
        assert the_flag(db).categories == ["photo"]


def test_after_hours_the_answer_promises_a_time_at_which_somebody_works(
    sessions: Sessions,
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("numb"), rules_that_read(URGENT, is_open=False))

        answer = answers(db)[0]
        assert answer.key == "urgent_closed"
        assert answer.slots == {"callby": (NOON + timedelta(hours=2)).isoformat()}
        assert answer.lane == 0


def test_what_was_found_in_two_texts_together_is_marked_where_it_stands(
    sessions: Sessions,
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient(db, clinic)
        receive(db, clinic, a_text("since last night i", "SM1"), rules_that_read(OK))
        second = a_text("cant breathe", "SM2", NOON + timedelta(minutes=1))

        def together(text: str, around: Circumstances) -> Reading:
            if "\n" not in text:
                return OK
            start = text.index("i\ncant")
            found = Finding("breathing", Level.EMERGENCY, "cant breathe", start, len(text))
            return replace(EMERGENCY, findings=(found,))

        reply = receive(db, clinic, second, rules_that_read(together))

        assert reply is not None
        assert [(one["start"], one["end"]) for one in reply.findings or []] == [(0, 12)]
