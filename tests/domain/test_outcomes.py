"""What follows when a message is taken, refused, lost or left in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.outcomes import (
    Accepted,
    Effect,
    NextStep,
    Outcome,
    Refused,
    Sending,
    Unclear,
    Undelivered,
    next_step,
)
from service.domain.refusals import KNOWN_CODES, Cause, meaning_of
from service.domain.values import Channel, MessageKind, MessageState

NOW = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
CHECKIN, TIP, REPLY, SAFETY, NOTICE = (
    MessageKind.CHECKIN,
    MessageKind.TIP,
    MessageKind.REPLY,
    MessageKind.SAFETY,
    MessageKind.NOTICE,
)


def a_sending(**details: Any) -> Sending:
    """A check-in by text, tried once, useful for six more hours."""
    given: dict[str, Any] = {
        "kind": CHECKIN,
        "channel": Channel.SMS,
        "attempts": 1,
        "useful_until": NOW + timedelta(hours=6),
    }
    return Sending(**(given | details))


def after(outcome: Outcome | Undelivered, *, jitter: float = 0.0, **details: Any) -> NextStep:
    return next_step(outcome, a_sending(**details), now=NOW, jitter=jitter)


def refused(code: int | None, retry_after: float | None = None) -> Refused:
    return Refused(code, "the provider refused it", retry_after)


def test_what_the_provider_took_is_accepted():
    step = after(Accepted("SM1", "queued"))

    assert step == NextStep(MessageState.ACCEPTED, "It waits at the provider.")


def test_a_new_word_of_the_provider_for_taken_is_still_taken():
    assert after(Accepted("SM1", "teleporting")).state is MessageState.ACCEPTED


def test_what_the_provider_took_and_failed_at_once_is_treated_as_failed():
    step = after(Accepted("SM1", "failed"), kind=REPLY)

    assert step.state is MessageState.UNDELIVERED
    assert Effect.STAFF_TASK in step.effects


def test_a_send_in_doubt_is_never_tried_again_here():
    step = after(Unclear("no answer in 10 seconds"))

    assert step.state is MessageState.UNKNOWN
    assert step.retry_at is None
    assert "no answer in 10 seconds" in step.reason


@pytest.mark.parametrize("code", [21610])
def test_an_opt_out_at_the_provider_becomes_ours_and_staff_phone_instead(code):
    step = after(refused(code), can_email=True)

    assert step.state is MessageState.REFUSED
    assert step.effects == {Effect.RECORD_OPT_OUT, Effect.STAFF_TASK}


def test_a_refused_opt_out_confirmation_troubles_nobody():
    step = after(refused(21610), kind=REPLY, confirms_opt_out=True)

    assert step.effects == {Effect.RECORD_OPT_OUT}


@pytest.mark.parametrize(
    ("outcome", "state", "mark"),
    [
        (refused(21211), MessageState.REFUSED, Effect.MARK_FAILING),
        (refused(21408), MessageState.REFUSED, Effect.MARK_FAILING),
        (refused(21612), MessageState.REFUSED, Effect.MARK_FAILING),
        (refused(21614), MessageState.REFUSED, Effect.MARK_LANDLINE),
        (Undelivered(30004), MessageState.UNDELIVERED, Effect.MARK_FAILING),
        (Undelivered(30005), MessageState.UNDELIVERED, Effect.MARK_FAILING),
        (Undelivered(30006), MessageState.UNDELIVERED, Effect.MARK_LANDLINE),
    ],
)
class TestANumberThatWillNeverDo:
    def test_is_marked_and_not_tried_again(self, outcome, state, mark):
        step = after(outcome)

        assert (step.state, step.retry_at) == (state, None)
        assert mark in step.effects

    def test_gets_its_check_in_by_email_where_the_patient_agreed(self, outcome, state, mark):
        assert after(outcome, can_email=True).effects == {mark, Effect.EMAIL_INSTEAD}

    def test_otherwise_staff_phone(self, outcome, state, mark):
        assert after(outcome).effects == {mark, Effect.STAFF_TASK}

    def test_gets_its_tips_by_email_and_costs_no_phone_call(self, outcome, state, mark):
        assert after(outcome, kind=TIP, can_email=True).effects == {mark, Effect.EMAIL_INSTEAD}
        assert after(outcome, kind=TIP).effects == {mark}

    def test_needs_nothing_when_the_same_check_in_went_by_email(self, outcome, state, mark):
        assert after(outcome, can_email=True, covered=True).effects == {mark}


@pytest.mark.parametrize("code", [30003, 30008, None, 39999])
def test_a_check_in_that_bounced_is_tried_once_more_and_then_staff_phone(code):
    first = after(Undelivered(code), attempts=1)
    second = after(Undelivered(code), attempts=2)

    assert first.state is MessageState.PLANNED
    assert first.retry_at == NOW + timedelta(minutes=30)
    assert not first.effects
    assert second.state is MessageState.UNDELIVERED
    assert second.retry_at is None
    assert second.effects == {Effect.MARK_FAILING, Effect.STAFF_TASK}


@pytest.mark.parametrize("code", [30003, 30008, None])
def test_a_tip_that_bounced_is_let_go(code):
    step = after(Undelivered(code), kind=TIP, can_email=True)

    assert step.state is MessageState.UNDELIVERED
    assert step.effects == {Effect.MARK_FAILING}


def test_a_safety_text_that_bounced_is_taken_over_at_once():
    assert Effect.EMAIL_INSTEAD in after(Undelivered(30003), kind=SAFETY, can_email=True).effects
    assert Effect.STAFF_TASK in after(Undelivered(30003), kind=SAFETY).effects


@pytest.mark.parametrize("outcome", [refused(21614), Undelivered(30003), Undelivered(30008)])
def test_staff_hear_of_an_answer_that_never_reached_its_patient(outcome):
    assert Effect.STAFF_TASK in after(outcome, kind=REPLY, can_email=True).effects


@pytest.mark.parametrize("code", [20003, 401, 20005, 21606, 30034])
def test_a_sender_that_may_not_send_is_stopped_and_its_texts_wait(code):
    step = after(refused(code))

    assert step.state is MessageState.PLANNED
    assert step.effects == {Effect.STOP_SENDER, Effect.ALARM}


def test_a_text_lost_because_of_the_sender_is_not_sent_a_second_time():
    step = after(Undelivered(30034))

    assert step.state is MessageState.UNDELIVERED
    assert step.effects == {Effect.STOP_SENDER, Effect.ALARM, Effect.STAFF_TASK}


@pytest.mark.parametrize(
    "outcome",
    [
        refused(20429),
        refused(429),
        refused(21611),
        refused(None, retry_after=0.0),
        refused(99999, retry_after=1.0),
        Undelivered(30001),
        Undelivered(30022),
        Undelivered(30036),
    ],
)
@pytest.mark.parametrize("kind", [CHECKIN, TIP, SAFETY, REPLY, NOTICE])
def test_what_was_certainly_not_sent_is_tried_again_for_any_message(outcome, kind):
    step = after(outcome, kind=kind)

    assert step.state is MessageState.PLANNED
    assert step.retry_at == NOW + timedelta(seconds=5)
    assert step.reason.startswith("To be tried again: ")
    assert not step.effects


def test_waits_double_up_to_a_quarter_of_an_hour():
    waits = [
        (after(refused(20429), attempts=attempt).retry_at - NOW).total_seconds()
        for attempt in (1, 2, 3, 8, 9, 500)
    ]

    assert waits == [5, 10, 20, 640, 900, 900]


def test_the_provider_may_ask_for_a_longer_wait():
    step = after(refused(20429, retry_after=1800))

    assert step.retry_at == NOW + timedelta(minutes=30)


def test_texts_refused_together_do_not_come_back_together():
    early = after(refused(20429, retry_after=60), jitter=0.0)
    late = after(refused(20429, retry_after=60), jitter=0.99)

    assert early.retry_at < late.retry_at <= NOW + timedelta(seconds=90)


def test_a_check_in_that_cannot_go_out_in_time_becomes_a_phone_call():
    step = after(refused(20429, retry_after=3600), useful_until=NOW + timedelta(hours=1))

    assert step.state is MessageState.REFUSED
    assert step.effects == {Effect.STAFF_TASK}


def test_a_text_taken_for_spam_is_not_repeated_and_somebody_looks():
    step = after(Undelivered(30007))

    assert step.retry_at is None
    assert step.effects == {Effect.ALARM, Effect.STAFF_TASK}


def test_a_refusal_nobody_has_seen_before_is_final_and_somebody_looks():
    step = after(Refused(21999, "the provider refused it (code 21999)"), kind=TIP)

    assert (step.state, step.retry_at) == (MessageState.REFUSED, None)
    assert step.reason == "the provider refused it (code 21999)"
    assert step.effects == {Effect.ALARM}


@pytest.mark.parametrize("outcome", [refused(21610), refused(21614), Undelivered(30003)])
def test_staff_who_cannot_be_texted_are_mailed_and_the_service_raises_its_voice(outcome):
    effects = after(outcome, kind=NOTICE, can_email=True).effects

    assert {Effect.EMAIL_INSTEAD, Effect.ALARM} <= effects
    assert Effect.STAFF_TASK not in effects


@pytest.mark.parametrize(
    ("code", "state", "effects"),
    [
        (451, MessageState.PLANNED, set()),
        # It does not stop the sender, which would silence the texts as well.
        (535, MessageState.PLANNED, {Effect.ALARM}),
        (550, MessageState.REFUSED, {Effect.MARK_FAILING, Effect.STAFF_TASK}),
        (554, MessageState.REFUSED, {Effect.ALARM, Effect.STAFF_TASK}),
    ],
)
def test_mail_servers_are_understood_too(code, state, effects):
    step = after(refused(code), channel=Channel.EMAIL, attempts=2, can_email=True)

    assert (step.state, step.effects) == (state, effects)


@pytest.mark.parametrize(
    "code",
    [
        *(20003, 20429, 21211, 21408, 21610, 21612, 21614, 30001, 30003, 30004, 30005, 30006),
        *(30007, 30008, 30022, 30034, 30036),
    ],
)
def test_every_code_that_matters_is_understood(code):
    assert code in KNOWN_CODES[Channel.SMS]


outcomes = st.one_of(
    st.builds(Refused, st.sampled_from([None, 99999, *sorted(KNOWN_CODES[Channel.SMS])]),
              st.just("said no"), st.none() | st.floats(0, 1e6)),
    st.builds(Undelivered, st.sampled_from([None, 99999, *sorted(KNOWN_CODES[Channel.SMS])])),
    st.builds(Unclear, st.just("cut")),
    st.builds(Accepted, st.just("SM1"), st.sampled_from(["queued", "sent", "failed", "odd"])),
)  # fmt: skip
sendings = st.builds(
    a_sending,
    kind=st.sampled_from(MessageKind),
    channel=st.sampled_from(Channel),
    attempts=st.integers(1, 10_000),
    useful_until=st.integers(-600, 600).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    can_email=st.booleans(),
    covered=st.booleans(),
    confirms_opt_out=st.booleans(),
)


@given(outcomes, sendings, st.floats(0, 1, exclude_max=True))
def test_whatever_happens_a_row_explains_itself_and_nothing_is_tried_too_late(
    outcome, sending, jitter
):
    step = next_step(outcome, sending, now=NOW, jitter=jitter)

    assert step.reason
    assert (step.retry_at is not None) == (step.state is MessageState.PLANNED)
    if step.retry_at is not None:
        assert NOW < step.retry_at < sending.useful_until
    if isinstance(outcome, Unclear):
        assert step.state is MessageState.UNKNOWN


@given(outcomes, sendings)
def test_a_check_in_never_ends_unheard_of(outcome, sending):
    step = next_step(outcome, sending, now=NOW, jitter=0)

    lost = step.state in (MessageState.REFUSED, MessageState.UNDELIVERED)
    if lost and sending.kind is CHECKIN and not (sending.covered or sending.confirms_opt_out):
        assert step.effects & {Effect.STAFF_TASK, Effect.EMAIL_INSTEAD}


@pytest.mark.parametrize("channel", list(Channel))
def test_every_code_is_explained_in_a_sentence(channel):
    for code in KNOWN_CODES[channel]:
        meaning = meaning_of(code, channel)
        assert meaning.reason.endswith(".")
        assert meaning.cause in Cause
