"""What becomes of planned messages when something comes between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.planning import zone_of
from service.domain.replanning import (
    Dropped,
    Moved,
    Stays,
    Verdict,
    cancelled_by_answer,
    move_tip_after_answer,
    rejudge,
    replan_for_new_end,
    superseded,
)
from service.domain.values import MessageState, PlannedMessage
from service.domain.windows import is_allowed
from tests.domain.sessions import (
    CHICAGO,
    CLINIC,
    PROTOCOL,
    a_patient,
    a_plan,
    a_session,
    by_key,
    chicago,
    on_the_wall,
    planned,
)

ENDED = "2026-03-01 14:00"
"""A Sunday; day 2 is Tuesday the 3rd, day 4 Thursday the 5th."""


def the_message(key: str, **details: object) -> PlannedMessage:
    session = a_session(ENDED, first_session=True, regions=("chest",))
    return replace(by_key(a_plan(session, welcomed=False))[key], **details)


def judged(
    message: PlannedMessage,
    now: str | datetime,
    *,
    siblings: Iterable[PlannedMessage] = (),
    last_text_at: datetime | None = None,
    urgent_flag_open: bool = False,
) -> Verdict:
    return rejudge(
        message,
        chicago(now) if isinstance(now, str) else now,
        protocol=PROTOCOL,
        zone=CHICAGO,
        clinic=CLINIC,
        siblings=siblings,
        last_text_at=last_text_at,
        urgent_flag_open=urgent_flag_open,
    )


@pytest.mark.parametrize("key", ["hydrate", "checkin_48h", "close"])
def test_a_message_in_its_window_goes_out(key):
    message = the_message(key)

    assert judged(message, message.send_at) == Stays()
    assert judged(message, message.send_before - timedelta(seconds=1)) == Stays()


@pytest.mark.parametrize(
    ("key", "now"),
    [
        ("hydrate", "2026-03-01 20:00"),
        ("heat_ice", "2026-03-01 20:00"),
        ("move_am", "2026-03-02 18:00"),
        ("soreness_24h", "2026-03-02 23:59"),
        ("tip_72h", "2026-03-05 09:00"),
    ],
)
def test_a_tip_is_sent_on_its_day_or_skipped(key, now):
    verdict = judged(the_message(key), now)

    assert isinstance(verdict, Dropped)
    assert verdict.task is None


@pytest.mark.parametrize(
    ("key", "now", "moved_to"),
    [
        ("checkin_48h", "2026-03-03 18:00", None),
        ("checkin_96h", "2026-03-05 18:00", None),
        ("breath_safety", "2026-03-01 21:30", "2026-03-02 08:00"),
        ("welcome", "2026-03-02 03:00", "2026-03-02 08:00"),
        ("close", "2026-03-07 20:00", "2026-03-08 12:00"),
    ],
)
def test_what_is_no_tip_moves_to_its_next_window_while_it_is_useful(key, now, moved_to):
    verdict = judged(the_message(key), now)

    if moved_to is None:
        assert isinstance(verdict, Dropped)
    else:
        assert isinstance(verdict, Moved)
        assert on_the_wall(verdict.send_at) == moved_to
        assert verdict.reason == "Moved: it could not be sent in its first window."


def test_a_check_in_that_missed_its_window_goes_out_in_the_next_one():
    friday = by_key(a_plan(a_session("2026-03-03 15:00")))["checkin_96h"]

    verdict = judged(friday, "2026-03-06 18:00")

    assert isinstance(verdict, Moved)
    assert on_the_wall(verdict.send_at) == "2026-03-07 10:00"
    assert on_the_wall(verdict.send_before) == "2026-03-07 17:30"


def test_a_check_in_past_its_horizon_becomes_a_call_in_business_hours():
    verdict = judged(the_message("checkin_48h"), "2026-03-04 06:00")

    assert isinstance(verdict, Dropped)
    assert verdict.task is not None
    assert verdict.task.key == "phone_48h"
    assert on_the_wall(verdict.task.due_at) == "2026-03-04 08:00"


def test_a_nudge_that_is_too_late_asks_nobody_to_phone():
    verdict = judged(the_message("nudge_48h"), "2026-03-05 09:00")

    assert isinstance(verdict, Dropped)
    assert verdict.task is None


def test_tips_stop_while_an_urgent_flag_is_open_and_check_ins_go_on():
    tip, checkin = the_message("hydrate"), the_message("checkin_48h")

    assert isinstance(judged(tip, tip.send_at, urgent_flag_open=True), Dropped)
    assert judged(checkin, checkin.send_at, urgent_flag_open=True) == Stays()


@pytest.mark.parametrize(
    ("state", "goes"),
    [
        (MessageState.PLANNED, False),
        (MessageState.DELIVERED, False),
        (MessageState.UNKNOWN, False),
        (MessageState.CANCELLED, True),
        (MessageState.SKIPPED, True),
    ],
)
def test_the_tip_of_day_3_is_not_sent_on_a_day_with_a_nudge(state, goes):
    nudge, tip = the_message("nudge_48h", state=state), the_message("tip_72h")

    verdict = judged(tip, tip.send_at, siblings=[nudge])

    assert (verdict == Stays()) is goes


def test_a_nudge_on_another_day_does_not_hold_the_tip_back():
    tip = the_message("tip_72h")
    yesterday = tip.send_at - timedelta(days=1)

    assert (
        judged(tip, tip.send_at, siblings=[the_message("nudge_48h", send_at=yesterday)]) == Stays()
    )


def test_texts_stay_an_hour_apart_after_an_outage():
    message = the_message("heat_ice")

    verdict = judged(message, message.send_at, last_text_at=message.send_at - timedelta(minutes=20))

    assert isinstance(verdict, Moved)
    assert verdict.send_at == message.send_at + timedelta(minutes=40)
    assert verdict.reason == "Moved later: messages to a patient are kept an hour apart."


def test_a_text_sent_long_ago_holds_nothing_back():
    message = the_message("heat_ice")

    assert (
        judged(message, message.send_at, last_text_at=message.send_at - timedelta(hours=1))
        == Stays()
    )


# --- answers ---------------------------------------------------------------------------------


def after_answer(message: PlannedMessage, answered_at: datetime) -> Verdict:
    return move_tip_after_answer(
        message, answered_at, protocol=PROTOCOL, zone=CHICAGO, clinic=CLINIC
    )


def test_a_tip_waits_an_hour_for_a_patient_who_is_answering():
    tip = the_message("heat_ice")

    verdict = after_answer(tip, tip.send_at - timedelta(minutes=10))

    assert isinstance(verdict, Moved)
    assert verdict.send_at == tip.send_at + timedelta(minutes=50)


def test_a_tip_that_an_answer_pushes_out_of_its_day_is_skipped():
    tip = the_message("heat_ice")

    assert isinstance(after_answer(tip, chicago("2026-03-01 19:30")), Dropped)


def test_tips_far_off_and_check_ins_do_not_wait_for_an_answer():
    tip, checkin = the_message("heat_ice"), the_message("checkin_48h")

    assert after_answer(tip, tip.send_at - timedelta(hours=1)) == Stays()
    assert after_answer(checkin, checkin.send_at) == Stays()


@pytest.mark.parametrize(
    ("answered", "cancelled"),
    [
        ("checkin_48h", {"nudge_48h", "close", "email_close"}),
        ("nudge_48h", {"nudge_48h", "close", "email_close"}),
        ("checkin_96h", {"nudge_96h", "close", "email_close"}),
        ("hydrate", set()),
    ],
)
def test_an_answer_makes_the_nudge_and_the_closing_message_needless(answered, cancelled):
    assert cancelled_by_answer(answered, PROTOCOL) == cancelled


# --- corrected end ---------------------------------------------------------------------------


def corrected(
    messages: Iterable[PlannedMessage], ended: str, now: str
) -> dict[str, PlannedMessage]:
    found = replan_for_new_end(
        a_session(ended), a_patient(), CLINIC, PROTOCOL, list(messages), now=chicago(now)
    )
    return {message.key: message for message in found}


def test_a_corrected_end_moves_what_is_not_sent():
    messages = a_plan(a_session("2026-03-01 13:00")).messages

    moved = corrected(messages, "2026-03-01 15:00", now="2026-03-01 13:30")

    assert on_the_wall(moved["hydrate"].send_at) == "2026-03-01 17:00"
    assert on_the_wall(moved["checkin_48h"].send_at) == "2026-03-03 15:00"


def test_a_corrected_end_leaves_alone_what_went_out_or_was_cancelled():
    messages = [
        replace(m, state=MessageState.ACCEPTED) if m.key in ("hydrate", "checkin_48h") else m
        for m in a_plan(a_session("2026-03-01 13:00"), welcomed=False).messages
    ]
    messages = [
        replace(m, state=MessageState.CANCELLED) if m.key == "tip_72h" else m for m in messages
    ]

    moved = corrected(messages, "2026-03-01 15:00", now="2026-03-03 14:00")

    assert {"hydrate", "checkin_48h", "nudge_48h", "tip_72h", "welcome"}.isdisjoint(moved)
    assert on_the_wall(moved["checkin_96h"].send_at) == "2026-03-05 15:00"


def test_a_wrong_date_put_right_brings_back_what_was_skipped():
    last_week = a_plan(a_session("2026-02-22 13:00"), saved_after=timedelta(days=7)).messages

    moved = corrected(last_week, "2026-03-01 13:00", now="2026-03-01 13:10")

    assert planned(a_plan(a_session("2026-02-22 13:00"), saved_after=timedelta(days=7))) == []
    assert moved["hydrate"].state is MessageState.PLANNED
    assert on_the_wall(moved["hydrate"].send_at) == "2026-03-01 15:00"


# --- a newer session -------------------------------------------------------------------------


def taken_over(messages: Iterable[PlannedMessage], old: int | None = 5, new: int | None = 5):
    return superseded(
        list(messages),
        a_session(ENDED, baseline_pain=old),
        a_session("2026-03-03 15:00", baseline_pain=new),
        CLINIC,
        PROTOCOL,
        now=chicago("2026-03-03 15:05"),
    )


def test_a_newer_session_cancels_unsent_tips_reminders_and_check_ins():
    plan = a_plan(a_session(ENDED, regions=("chest",)), welcomed=False)
    messages = [
        replace(m, state=MessageState.DELIVERED) if m.send_at < chicago("2026-03-03 15:05") else m
        for m in plan.messages
    ]

    change = taken_over(messages)

    assert [m.key for m in change.cancelled] == [
        "nudge_48h", "tip_72h", "checkin_96h", "nudge_96h", "close",
    ]  # fmt: skip
    assert change.ask_about_last is True
    assert change.task is None


def test_safety_texts_and_the_welcome_survive_a_newer_session():
    plan = a_plan(a_session(ENDED, regions=("chest",)), welcomed=False)

    cancelled = {message.key for message in taken_over(plan.messages).cancelled}

    assert "breath_safety" not in cancelled
    assert "welcome" not in cancelled
    assert "checkin_48h" in cancelled


def test_nothing_is_asked_about_when_the_day_4_check_in_went_out():
    messages = [replace(the_message("checkin_96h"), state=MessageState.DELIVERED)]

    assert taken_over(messages).ask_about_last is False


@pytest.mark.parametrize(
    ("old", "new", "rings"),
    [(5, 7, True), (5, 6, False), (5, 10, True), (7, 5, False), (None, 9, False), (5, None, False)],
)
def test_pain_that_rose_by_2_since_the_last_session_is_a_task(old, new, rings):
    task = taken_over([], old, new).task

    assert (task is not None) is rings
    if task is not None:
        assert task.key == "worsening_pain"
        assert on_the_wall(task.due_at) == "2026-03-04 18:00"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 7 * 24 * 60), st.sampled_from(["2026-03-01 14:00", "2026-10-30 17:00"]))
def test_after_an_outage_of_any_length_nothing_goes_out_late_or_at_night(minutes, ended):
    session = a_session(ended, first_session=True, regions=("chest",))
    now = session.ended_at + timedelta(minutes=minutes)
    zone = zone_of(a_patient(), CLINIC)

    for message in planned(a_plan(session)):
        verdict = judged(message, now)
        window = PROTOCOL.step(message.key).window
        assert window is not None
        match verdict:
            case Stays():
                assert now < message.send_before
            case Moved(send_at=send_at, send_before=send_before):
                assert max(now, message.send_at) <= send_at < send_before <= message.useful_until
                assert is_allowed(send_at, window, zone)
            case Dropped(task=task):
                assert now >= message.send_before
                is_checkin = message.key.startswith("checkin")
                assert (task is not None) is is_checkin
