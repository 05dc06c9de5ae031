"""Settling: what became of an unknown send is asked, and nothing is sent again on a guess."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from service.domain.values import Channel, ClinicFacts, MessageKind, MessageState
from service.gateways.ports import SentMessage
from service.pathway.composing import text_of
from service.pathway.optouts import lock_address, opt_out
from service.pathway.settling import settle_unknown
from service.store.audit import AuditEntry
from service.store.engine import Sessions
from service.store.flags import Flag
from tests.doubles import RememberingProvider
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address, stored

MINUTE = timedelta(minutes=1)
CLINIC = ClinicFacts("Bayou Needling", "281-555-0100", "America/Chicago")


def unknown(sessions: Sessions, **details: Any) -> UUID:
    """A check-in sent at noon of which nobody knows whether it was taken; no wording matches it."""
    given: dict[str, Any] = {
        "state": MessageState.UNKNOWN,
        "reason": "the connection was cut",
        "wording": "none_of_ours",
        "claimed_at": NOON,
        "ask_at": NOON + 2 * MINUTE,
    }
    with sessions.begin() as db:
        clinic = a_clinic(db)
        return a_message(db, clinic, an_address(db, clinic), **(given | details)).id


def taken(ref: str = "SM1", status: str = "sent", body: str = "") -> SentMessage:
    return SentMessage(ref, body, status, None, NOON)


def flags(sessions: Sessions) -> list[str]:
    with sessions() as db:
        return [flag.kind for flag in db.scalars(select(Flag))]


def test_nobody_is_asked_before_the_grace_has_passed(sessions: Sessions) -> None:
    unknown(sessions)
    provider = RememberingProvider()
    assert settle_unknown(sessions, provider, NOON + MINUTE) == 0
    assert provider.asked == []


def test_a_send_that_the_provider_knows_is_accepted(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    provider = RememberingProvider([taken()])
    assert settle_unknown(sessions, provider, NOON + 3 * MINUTE) == 1
    row = stored(sessions, message_id)
    assert (row.state, row.provider_ref) == (MessageState.ACCEPTED, "SM1")
    assert row.sent_at == NOON
    assert provider.asked == [("+12815550123", "+12815550000")]


def test_a_send_that_has_arrived_meanwhile_is_delivered(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    settle_unknown(sessions, RememberingProvider([taken(status="delivered")]), NOON + 3 * MINUTE)
    assert stored(sessions, message_id).state is MessageState.DELIVERED


def test_two_copies_at_the_provider_are_told_as_a_duplicate(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    settle_unknown(sessions, RememberingProvider([taken("SM2"), taken("SM1")]), NOON + 3 * MINUTE)
    assert stored(sessions, message_id).state is MessageState.ACCEPTED
    with sessions() as db:
        assert [entry.action for entry in db.scalars(select(AuditEntry))] == ["duplicate"]


def test_another_messages_copy_proves_nothing(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    with sessions.begin() as db:
        other = a_clinic(db, name="Other", sender="+12815550009")
        sent = {"state": MessageState.ACCEPTED, "reason": "accepted", "provider_ref": "SM1"}
        a_message(db, other, an_address(db, other), **sent)
    settle_unknown(sessions, RememberingProvider([taken("SM1")]), NOON + 3 * MINUTE)
    row = stored(sessions, message_id)
    assert (row.state, row.asked) == (MessageState.UNKNOWN, 1)


@pytest.mark.parametrize("other_is_older", [True, False])
def test_a_copy_that_is_put_down_to_another_row_already_is_not_ours(
    sessions: Sessions, other_is_older: bool
) -> None:
    sent = {"state": MessageState.ACCEPTED, "reason": "accepted", "provider_ref": "SM1"}

    def another() -> None:
        with sessions.begin() as db:
            clinic = a_clinic(db, name="Other", sender="+12815550009")
            a_message(db, clinic, an_address(db, clinic), **sent)

    if other_is_older:
        another()
    message_id = unknown(sessions)
    if not other_is_older:
        another()

    settle_unknown(sessions, RememberingProvider([taken("SM1")]), NOON + 3 * MINUTE)

    assert stored(sessions, message_id).state is MessageState.UNKNOWN


@pytest.mark.parametrize("body", ["A word", "Zebra crossing", ""])
def test_other_words_are_another_text_wherever_they_stand_in_the_alphabet(
    sessions: Sessions, body: str
) -> None:
    message_id = unknown(sessions, wording="checkin_48h")

    settle_unknown(sessions, RememberingProvider([taken(body=body)]), NOON + 3 * MINUTE)

    # Without words, as when the provider keeps none, number and time decide (2.2 step 6).
    known = body == ""
    state = MessageState.ACCEPTED if known else MessageState.UNKNOWN
    assert stored(sessions, message_id).state is state


def test_a_text_is_known_by_its_own_words(sessions: Sessions) -> None:
    message_id = unknown(sessions, wording="checkin_48h")
    others = RememberingProvider([taken(body="Something else")])
    settle_unknown(sessions, others, NOON + 3 * MINUTE)
    assert stored(sessions, message_id).state is MessageState.UNKNOWN
    words = text_of(stored(sessions, message_id), CLINIC, ZoneInfo(CLINIC.time_zone)).text
    its_own = RememberingProvider([taken(body=words)])
    settle_unknown(sessions, its_own, NOON + 14 * MINUTE)
    assert stored(sessions, message_id).state is MessageState.ACCEPTED


def ask_twice(sessions: Sessions, second: datetime = NOON + 14 * MINUTE) -> None:
    settle_unknown(sessions, RememberingProvider(), NOON + 3 * MINUTE)
    settle_unknown(sessions, RememberingProvider(), second)


def test_one_no_is_not_enough_to_send_again(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    settle_unknown(sessions, RememberingProvider(), NOON + 3 * MINUTE)
    settle_unknown(sessions, RememberingProvider(), NOON + 4 * MINUTE)
    row = stored(sessions, message_id)
    assert (row.state, row.asked) == (MessageState.UNKNOWN, 1)


def test_a_checkin_that_the_provider_twice_denies_is_planned_again(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    ask_twice(sessions)
    assert stored(sessions, message_id).state is MessageState.PLANNED


def test_a_denied_checkin_to_somebody_who_opted_out_is_cancelled(sessions: Sessions) -> None:
    message_id = unknown(sessions)
    with sessions.begin() as db:
        opt_out(db, lock_address(db, stored(sessions, message_id).address_id), "text", NOON)
    ask_twice(sessions)
    row = stored(sessions, message_id)
    assert (row.state, row.reason) == (MessageState.CANCELLED, "opted out")


@pytest.mark.parametrize("kind", [MessageKind.TIP, MessageKind.REPLY])
def test_what_is_not_a_checkin_is_never_sent_again(sessions: Sessions, kind: MessageKind) -> None:
    message_id = unknown(sessions, kind=kind)
    ask_twice(sessions)
    row = stored(sessions, message_id)
    assert row.state is MessageState.SKIPPED
    assert row.reason == "Not sent: the provider never had it, and by now it is late."


def test_a_denied_checkin_that_is_no_longer_useful_becomes_a_call(sessions: Sessions) -> None:
    message_id = unknown(sessions, useful_until=NOON + 10 * MINUTE)
    ask_twice(sessions)
    assert stored(sessions, message_id).state is MessageState.UNKNOWN
    assert flags(sessions) == ["unconfirmed"]


def test_a_provider_that_is_away_settles_nothing_until_a_person_must_know(
    sessions: Sessions,
) -> None:
    message_id = unknown(sessions)
    away = RememberingProvider(away=True)
    settle_unknown(sessions, away, NOON + 3 * MINUTE)
    assert (stored(sessions, message_id).asked, flags(sessions)) == (0, [])
    settle_unknown(sessions, away, NOON + 121 * MINUTE)
    settle_unknown(sessions, away, NOON + 150 * MINUTE)
    assert stored(sessions, message_id).state is MessageState.UNKNOWN
    assert flags(sessions) == ["unconfirmed"]


def test_an_email_tip_that_may_have_gone_is_not_sent_again(sessions: Sessions) -> None:
    message_id = unknown(sessions, kind=MessageKind.TIP, channel=Channel.EMAIL)
    provider = RememberingProvider()
    settle_unknown(sessions, provider, NOON + 3 * MINUTE)
    assert stored(sessions, message_id).state is MessageState.SKIPPED
    assert provider.asked == []


@pytest.mark.parametrize("kind", [MessageKind.CHECKIN, MessageKind.SAFETY])
def test_an_email_that_must_be_heard_becomes_a_call_when_nobody_can_be_asked(
    sessions: Sessions, kind: MessageKind
) -> None:
    message_id = unknown(sessions, kind=kind, channel=Channel.EMAIL)
    provider = RememberingProvider()
    for minutes in (3, 121, 150):
        settle_unknown(sessions, provider, NOON + minutes * MINUTE)
    assert stored(sessions, message_id).state is MessageState.UNKNOWN
    assert flags(sessions) == ["unconfirmed"]
    assert provider.asked == []


def test_an_email_that_was_answered_needs_no_call(sessions: Sessions) -> None:
    message_id = unknown(sessions, channel=Channel.EMAIL, answered_at=NOON + 30 * MINUTE)
    settle_unknown(sessions, None, NOON + 121 * MINUTE)
    assert stored(sessions, message_id).ask_at is None
    assert flags(sessions) == []


def test_an_expired_lease_is_asked_about_and_never_planned(sessions: Sessions) -> None:
    claimed = {
        "state": MessageState.CLAIMED,
        "claim_token": UUID(int=1),
        "lease_until": NOON + MINUTE,
        "ask_at": None,
    }
    message_id = unknown(sessions, **claimed)
    assert settle_unknown(sessions, RememberingProvider(), NOON + 2 * MINUTE) == 0
    assert stored(sessions, message_id).state is MessageState.UNKNOWN
    assert settle_unknown(sessions, RememberingProvider([taken()]), NOON + 5 * MINUTE) == 1
    assert stored(sessions, message_id).state is MessageState.ACCEPTED
