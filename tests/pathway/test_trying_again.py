"""A text that was not sent is planned again, unless nobody is to have it any more by then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.outcomes import Outcome, Refused
from service.domain.values import Channel, MessageState, SessionState
from service.gateways.ports import Outgoing
from service.pathway.answered import ANSWERED
from service.pathway.dispatch import Dispatcher
from service.pathway.enrolment import SUPERSEDED, cancel
from service.pathway.optouts import lock_address, opt_out
from service.pathway.settling import settle_unknown
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Patient
from service.store.sessions import TreatmentSession
from tests.doubles import RecordingGateway, RememberingProvider, RunningClock
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_patient, a_session
from tests.pathway.make import stored
from tests.pathway.test_dispatch import compose, skip

MINUTE = timedelta(minutes=1)
LOST = {
    "state": MessageState.UNKNOWN,
    "reason": "the connection was cut",
    "claimed_at": NOON,
    "ask_at": NOON + 2 * MINUTE,
}
Meanwhile = Callable[[Session, TreatmentSession], Any]


def owed(sessions: Sessions, key: str = "checkin_48h", **details: Any) -> tuple[UUID, UUID]:
    """A message of a session under way; return its id and the session's."""
    with sessions.begin() as db:
        patient = a_patient(db, a_clinic(db))
        session = a_session(db, patient)
        return a_message(db, session, patient, key, **details).id, session.id


def staff_cancel(db: Session, session: TreatmentSession) -> None:
    cancel(db, session.clinic_id, session.id, reason="moved away", by="lee", now=NOON)


def a_newer_session_takes_over(_: Session, session: TreatmentSession) -> None:
    session.state, session.state_reason = SessionState.SUPERSEDED, SUPERSEDED


ENDS = pytest.mark.parametrize(
    ("end", "reason"),
    [(staff_cancel, "moved away"), (a_newer_session_takes_over, SUPERSEDED)],
)


def send_while(sessions: Sessions, session_id: UUID, end: Meanwhile) -> None:
    """Send what is due to a busy provider; the session ends while it is on the wire."""

    def answer(_: Outgoing) -> Outcome:
        with sessions.begin() as db:
            end(db, db.get_one(TreatmentSession, session_id))
        return Refused(20429, "too many", retry_after=1.0)

    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: RecordingGateway(answer)},
        now=RunningClock(NOON),
        compose=compose,
        rejudge=skip,
    )
    asyncio.run(dispatcher.send_what_is_due())


def ask_twice(sessions: Sessions) -> None:
    for minutes in (3, 14):
        settle_unknown(sessions, RememberingProvider(), NOON + minutes * MINUTE)


@ENDS
def test_a_refused_text_is_not_tried_again_when_its_session_has_ended(
    sessions: Sessions, end: Meanwhile, reason: str
):
    message_id, session_id = owed(sessions)

    send_while(sessions, session_id, end)

    message = stored(sessions, message_id)
    assert (message.state, message.reason) == (MessageState.CANCELLED, reason)


def test_a_refused_text_of_a_session_under_way_is_tried_again(sessions: Sessions):
    message_id, session_id = owed(sessions)

    send_while(sessions, session_id, lambda *_: None)

    assert stored(sessions, message_id).state is MessageState.PLANNED


@ENDS
def test_a_lost_check_in_is_not_sent_again_when_its_session_has_ended(
    sessions: Sessions, end: Meanwhile, reason: str
):
    message_id, session_id = owed(sessions, **LOST)
    with sessions.begin() as db:
        end(db, db.get_one(TreatmentSession, session_id))

    ask_twice(sessions)

    message = stored(sessions, message_id)
    assert (message.state, message.reason) == (MessageState.CANCELLED, reason)


def test_nobody_phones_instead_of_a_check_in_whose_session_has_ended(sessions: Sessions):
    message_id, session_id = owed(sessions, **LOST)
    with sessions.begin() as db:
        a_newer_session_takes_over(db, db.get_one(TreatmentSession, session_id))
        opt_out(db, lock_address(db, db.get_one(Message, message_id).address_id), "text", NOON)

    ask_twice(sessions)

    with sessions() as db:
        assert db.scalars(select(Flag)).all() == []


def test_a_lost_nudge_is_not_sent_again_after_the_answer(sessions: Sessions):
    nudge_id, _ = owed(sessions, "nudge_48h", **LOST)
    with sessions.begin() as db:
        nudge = db.get_one(Message, nudge_id)
        session = db.get_one(TreatmentSession, nudge.session_id)
        patient = db.get_one(Patient, nudge.patient_id)
        sent = {"state": MessageState.DELIVERED, "reason": "delivered", "answered_at": NOON}
        a_message(db, session, patient, "checkin_48h", **sent)

    ask_twice(sessions)

    message = stored(sessions, nudge_id)
    assert (message.state, message.reason) == (MessageState.CANCELLED, ANSWERED)
