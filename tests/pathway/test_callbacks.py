"""A flag is one person's at a time, stays within its clinic, and ends only with a call."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import CallOutcome, FlagState, Level, MessageKind, MessageState
from service.pathway.callbacks import (
    CallRecordedMeanwhile,
    FlagAlreadyClosed,
    FlagNotFound,
    FlagOwnedBySomebodyElse,
    own,
    record_call,
)
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Call, Flag
from service.store.messages import Message
from service.store.patients import Address
from tests.make import NOON, a_clinic
from tests.pathway.builders import EMERGENCY, URGENT, a_patient, a_text, rules_that_read

HALF_AN_HOUR = timedelta(minutes=30)


def a_flag(db: Session) -> tuple[Clinic, Flag]:
    clinic = a_clinic(db)
    a_patient(db, clinic)
    receive(db, clinic, a_text("numb"), rules_that_read(URGENT))
    return clinic, db.scalars(select(Flag)).one()


def call(
    db: Session, clinic_id: UUID, flag: Flag, outcome: CallOutcome, at: datetime = NOON
) -> Flag:
    return record_call(db, clinic_id, flag.id, outcome, "a note", "maria", at)


def test_nobody_else_is_told_of_a_taken_flag_before_its_deadline(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        own(db, clinic.id, flag.id, "maria", NOON)

        assert (flag.state, flag.owner) == (FlagState.OWNED, "maria")
        assert flag.escalate_at == flag.due_at > NOON


def test_a_flag_somebody_has_cannot_be_taken_by_another(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        own(db, clinic.id, flag.id, "maria", NOON)

        with pytest.raises(FlagOwnedBySomebodyElse) as refused:
            own(db, clinic.id, flag.id, "joe", NOON)
        assert refused.value.owner == "maria"
        assert flag.owner == "maria"


def test_another_clinics_flag_is_not_found(sessions: Sessions) -> None:
    with sessions.begin() as db:
        _, flag = a_flag(db)
        other = a_clinic(db, name="Other", sender="+12815550009")

        with pytest.raises(FlagNotFound):
            own(db, other.id, flag.id, "maria", NOON)
        with pytest.raises(FlagNotFound):
            call(db, other.id, flag, CallOutcome.REACHED)
        assert flag.state is FlagState.OPEN


@pytest.mark.parametrize("outcome", [outcome for outcome in CallOutcome if outcome.closes])
def test_a_patient_who_was_reached_closes_the_flag(
    sessions: Sessions, outcome: CallOutcome
) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, outcome)
    with sessions() as db:
        closed = db.scalars(select(Flag)).one()
        assert (closed.state, closed.outcome) == (FlagState.CLOSED, outcome)
        assert (closed.closed_by, closed.closed_at) == ("maria", NOON)
        assert db.scalars(select(Call)).one().note == "a note"
        assert "call_recorded" in [entry.action for entry in db.scalars(select(AuditEntry))]


@pytest.mark.parametrize("outcome", [CallOutcome.VOICEMAIL, CallOutcome.NO_ANSWER])
def test_a_call_that_reached_nobody_sets_the_next_try(
    sessions: Sessions, outcome: CallOutcome
) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, outcome)

        assert flag.state is FlagState.OWNED
        assert (flag.tries, flag.next_try_at) == (1, NOON + HALF_AN_HOUR)
        assert flag.escalate_at == flag.next_try_at
        assert flag.outcome is None


def missed_calls(db: Session) -> list[Message]:
    return list(db.scalars(select(Message).where(Message.key == "call_missed")))


def test_the_patient_is_told_of_the_first_call_and_of_the_last(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        told = []
        for tried in range(3):
            call(db, clinic.id, flag, CallOutcome.NO_ANSWER, NOON + tried * HALF_AN_HOUR)
            told.append(len(missed_calls(db)))

        assert told == [1, 1, 2]
        assert {(one.state, one.kind) for one in missed_calls(db)} == {
            (MessageState.PLANNED, MessageKind.REPLY)
        }


@pytest.mark.parametrize(
    ("level", "state"),
    [(Level.URGENT, MessageState.SKIPPED), (Level.EMERGENCY, MessageState.PLANNED)],
)
def test_only_an_emergencys_missed_call_is_texted_about_at_night(
    sessions: Sessions, level: Level, state: MessageState
) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        flag.level = level
        call(db, clinic.id, flag, CallOutcome.VOICEMAIL, NOON + timedelta(hours=10))

        assert [one.state for one in missed_calls(db)] == [state]
        assert missed_calls(db)[0].state is MessageState.PLANNED or missed_calls(db)[0].reason


def test_who_opted_out_is_not_texted_about_a_missed_call(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        db.scalars(select(Address)).one().opted_out_at = NOON
        call(db, clinic.id, flag, CallOutcome.NO_ANSWER)

        assert missed_calls(db) == []


def test_a_task_that_no_text_raised_sends_none_about_the_call(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        flag.reply_id, flag.kind = None, "task"
        call(db, clinic.id, flag, CallOutcome.NO_ANSWER)

        assert missed_calls(db) == []


def test_a_worse_reply_begins_the_tries_anew(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        for _ in range(3):
            call(db, clinic.id, flag, CallOutcome.NO_ANSWER)
        receive(db, clinic, a_text("worse", "SM2", NOON + HALF_AN_HOUR), rules_that_read(EMERGENCY))

        assert flag.state is FlagState.OWNED
        assert (flag.level, flag.tries, flag.next_try_at) == (Level.EMERGENCY, 0, None)
        assert flag.escalate_at == NOON + HALF_AN_HOUR


def test_a_reply_after_the_last_call_raises_a_flag_of_its_own(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, CallOutcome.ADVISED)
        receive(db, clinic, a_text("numb", "SM2", NOON + HALF_AN_HOUR), rules_that_read(URGENT))

        assert [one.state for one in db.scalars(select(Flag).order_by(Flag.raised_at))] == [
            FlagState.CLOSED,
            FlagState.OPEN,
        ]


def together(*works: Callable[[], object]) -> list[object]:
    """Do all at once, each in a thread and on a connection of its own; return how each ended."""
    start = Barrier(len(works))

    def begin(work: Callable[[], object]) -> object:
        start.wait()
        try:
            return work()
        except Exception as problem:
            return type(problem)

    with ThreadPoolExecutor(len(works)) as threads:
        return [ended.result() for ended in [threads.submit(begin, work) for work in works]]


def test_two_who_take_a_flag_at_once_are_one_owner_and_one_told(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)

    def taken_by(name: str) -> Callable[[], str | None]:
        def take() -> str | None:
            with sessions.begin() as db:
                return own(db, clinic.id, flag.id, name, NOON).owner

        return take

    ended = together(taken_by("maria"), taken_by("joe"))

    with sessions() as db:
        owner = db.scalars(select(Flag.owner)).one()
    assert FlagOwnedBySomebodyElse in ended
    assert owner in ended


def test_two_calls_recorded_at_once_close_a_flag_once(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)

    def recorded(outcome: CallOutcome) -> Callable[[], CallOutcome | None]:
        def record() -> CallOutcome | None:
            with sessions.begin() as db:
                return call(db, clinic.id, flag, outcome).outcome

        return record

    ended = together(recorded(CallOutcome.REACHED), recorded(CallOutcome.BOOKED))

    assert FlagAlreadyClosed in ended
    with sessions() as db:
        assert db.scalars(select(Flag.outcome)).one() in ended
        assert len(db.scalars(select(Call)).all()) == 1


def test_calls_and_replies_at_once_lose_nothing(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)

    def missed() -> None:
        with sessions.begin() as db:
            call(db, clinic.id, flag, CallOutcome.NO_ANSWER)

    def worse() -> None:
        with sessions.begin() as db:
            where = db.get_one(Clinic, clinic.id)
            receive(db, where, a_text("worse", "SM2"), rules_that_read(EMERGENCY))

    assert together(missed, worse) == [None, None]

    with sessions() as db:
        seen = db.scalars(select(Flag)).one()
        assert seen.level is Level.EMERGENCY
        assert {"nerve", "breathing"} <= set(seen.categories)
        assert len(db.scalars(select(Call)).all()) == 1


def test_a_closed_flag_is_neither_taken_nor_called_about_again(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, CallOutcome.REACHED)

        with pytest.raises(FlagAlreadyClosed):
            own(db, clinic.id, flag.id, "joe", NOON)
        with pytest.raises(FlagAlreadyClosed):
            call(db, clinic.id, flag, CallOutcome.ADVISED)


def test_two_who_record_the_same_call_at_once_record_it_once(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        clinic_id, flag_id = clinic.id, flag.id
    both = Barrier(2)

    def record(by: str) -> str:
        both.wait()
        try:
            with sessions.begin() as db:
                outcome = CallOutcome.NO_ANSWER
                record_call(db, clinic_id, flag_id, outcome, None, by, NOON, tries_seen=0)
        except CallRecordedMeanwhile:
            return "told"
        return "recorded"

    with ThreadPoolExecutor(2) as people:
        ended = sorted(people.map(record, ["maria", "joe"]))

    assert ended == ["recorded", "told"]
    with sessions() as db:
        assert db.scalars(select(Flag)).one().tries == 1
        assert len(db.scalars(select(Call)).all()) == 1
