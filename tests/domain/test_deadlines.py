"""By when somebody must act, in business hours that end at weekends and holidays."""

from __future__ import annotations

import zoneinfo
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.deadlines import (
    Audience,
    add_business_time,
    call_by,
    default_holidays,
    escalation_steps,
    flag_deadline,
    hand_over_steps,
    is_open,
    next_opening,
    next_try,
    on_call_paged_at,
    owner_has_until,
)
from service.domain.values import CallOutcome, ClinicFacts, Level, OpenHours
from tests.domain.sessions import CLINIC, chicago, on_the_wall

HOLIDAYS = default_holidays([2026])
WITH_HOLIDAYS = replace(CLINIC, holidays=HOLIDAYS)


@pytest.mark.parametrize(
    ("moment", "is_so"),
    [
        ("2026-03-02 08:00", True),
        ("2026-03-02 07:59", False),
        ("2026-03-02 17:59", True),
        ("2026-03-02 18:00", False),
        ("2026-03-07 12:00", False),
        ("2026-05-25 12:00", False),
    ],
)
def test_the_clinic_is_open_on_weekdays_that_are_no_holidays(moment, is_so):
    assert is_open(chicago(moment), WITH_HOLIDAYS) is is_so


def test_the_federal_holidays_are_known_with_the_days_they_are_kept_on():
    assert date(2026, 7, 3) in HOLIDAYS, "4 July 2026 is a Saturday"
    assert date(2026, 11, 26) in HOLIDAYS
    assert date(2026, 3, 3) not in HOLIDAYS


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-02 12:00", "2026-03-02 12:00"),
        ("2026-03-02 18:00", "2026-03-03 08:00"),
        ("2026-03-06 18:00", "2026-03-09 08:00"),
        ("2026-05-22 20:00", "2026-05-26 08:00"),
    ],
)
def test_the_next_opening_skips_nights_weekends_and_holidays(moment, expected):
    assert on_the_wall(next_opening(chicago(moment), WITH_HOLIDAYS)) == expected


@pytest.mark.parametrize(
    ("level", "raised", "due"),
    [
        ("emergency", "2026-03-08 01:50", "2026-03-08 03:05"),
        ("urgent", "2026-03-02 09:07", "2026-03-02 11:07"),
        ("urgent", "2026-03-02 16:00", "2026-03-02 18:00"),
        ("urgent", "2026-03-02 16:30", "2026-03-03 08:30"),
        ("urgent", "2026-03-06 17:00", "2026-03-09 09:00"),
        ("urgent", "2026-05-23 11:00", "2026-05-26 10:00"),
        ("routine", "2026-03-02 09:00", "2026-03-03 18:00"),
        ("routine", "2026-03-02 23:00", "2026-03-03 18:00"),
        ("routine", "2026-03-06 09:00", "2026-03-09 18:00"),
        ("routine", "2026-03-07 09:00", "2026-03-09 18:00"),
        ("routine", "2026-05-22 09:00", "2026-05-26 18:00"),
    ],
)
def test_a_flag_is_due_by_its_level(level, raised, due):
    assert on_the_wall(flag_deadline(Level(level), chicago(raised), WITH_HOLIDAYS)) == due


def test_an_ok_reply_has_no_deadline():
    with pytest.raises(ValueError, match="no deadline"):
        flag_deadline(Level.OK, chicago("2026-03-02 09:00"), CLINIC)


@pytest.mark.parametrize(
    ("level", "now", "promised"),
    [
        ("urgent", "2026-03-02 09:07", "2026-03-02 11:15"),
        ("urgent", "2026-03-02 15:55", "2026-03-02 18:00"),
        ("urgent", "2026-03-02 16:00", "2026-03-02 18:00"),
        ("urgent", "2026-03-06 23:00", "2026-03-09 10:00"),
        ("routine", "2026-03-06 23:00", "2026-03-09 18:00"),
    ],
)
def test_a_patient_is_promised_a_call_at_a_time_when_somebody_works(level, now, promised):
    assert on_the_wall(call_by(Level(level), chicago(now), CLINIC)) == promised


def test_a_clinic_whose_hours_are_odd_promises_no_quarter_after_closing():
    week = {day: OpenHours(time(8), time(17, 50)) for day in range(5)}

    promised = call_by(Level.URGENT, chicago("2026-03-02 15:49"), replace(CLINIC, hours=week))

    assert on_the_wall(promised) == "2026-03-02 17:50"


# --- further tries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "now", "again"),
    [
        ("emergency", "2026-03-02 22:00", "2026-03-02 22:10"),
        ("urgent", "2026-03-02 10:00", "2026-03-02 10:30"),
        ("urgent", "2026-03-06 17:45", "2026-03-09 08:15"),
        ("routine", "2026-03-02 10:00", "2026-03-02 12:00"),
    ],
)
def test_a_call_that_reached_nobody_is_tried_again(level, now, again):
    found = next_try(CallOutcome.VOICEMAIL, 1, Level(level), chicago(now), CLINIC)

    assert found.at is not None
    assert on_the_wall(found.at) == again
    assert (found.hand_to, found.say_call_missed) == (None, True)


def test_the_second_try_is_not_texted_about():
    found = next_try(CallOutcome.VOICEMAIL, 2, Level.URGENT, chicago("2026-03-02 10:00"), CLINIC)

    assert not found.say_call_missed


@pytest.mark.parametrize(
    ("level", "hand_to"),
    [
        ("emergency", Audience.EMERGENCY_CONTACT),
        ("urgent", Audience.LEAD),
        ("routine", Audience.LEAD),
    ],
)
def test_after_three_tries_somebody_else_decides(level, hand_to):
    found = next_try(CallOutcome.NO_ANSWER, 3, Level(level), chicago("2026-03-02 10:00"), CLINIC)

    assert (found.at, found.hand_to, found.say_call_missed) == (None, hand_to, True)


@pytest.mark.parametrize(
    ("level", "since", "told"),
    [
        ("emergency", "2026-03-02 22:00", ["2026-03-02 22:00", "2026-03-02 22:10"]),
        ("urgent", "2026-03-02 22:00", ["2026-03-03 08:00", "2026-03-03 08:30"]),
        ("routine", "2026-03-02 10:00", ["2026-03-02 10:00", "2026-03-03 10:00"]),
    ],
)
def test_the_lead_is_told_until_they_decide(level, since, told):
    since = chicago(since)
    steps = hand_over_steps(Level(level), since, CLINIC, until=since + timedelta(days=2))

    assert steps[0].audience is Audience.LEAD
    assert [on_the_wall(step.at) for step in steps[:2]] == told


def test_the_owner_of_an_overdue_flag_has_a_quarter_of_an_hour():
    now = chicago("2026-03-02 10:00")
    quarter, hour = timedelta(minutes=15), timedelta(hours=1)

    assert owner_has_until(now + hour, now) == now + hour
    assert owner_has_until(now - hour, now) == now + quarter


def test_a_call_that_reached_the_patient_needs_no_further_try():
    with pytest.raises(ValueError, match="no further try"):
        next_try(CallOutcome.ADVISED, 1, Level.URGENT, chicago("2026-03-02 10:00"), CLINIC)


# --- escalation ------------------------------------------------------------------------------


def ladder(level: str, raised: str) -> list[tuple[str, str]]:
    steps = escalation_steps(Level(level), chicago(raised), CLINIC)
    return [(step.step, on_the_wall(step.at)[5:]) for step in steps]


def test_an_emergency_climbs_within_ten_minutes_at_any_hour():
    assert ladder("emergency", "2026-03-07 02:00") == [
        ("assigned", "03-07 02:00"),
        ("on_call", "03-07 02:00"),
        ("next_person", "03-07 02:03"),
        ("director", "03-07 02:06"),
        ("everyone", "03-07 02:10"),
    ]


def test_an_urgent_flag_in_the_morning_reaches_lead_and_director():
    assert ladder("urgent", "2026-03-02 10:00") == [
        ("assigned", "03-02 10:00"),
        ("assigned_again", "03-02 10:05"),
        ("lead", "03-02 10:30"),
        ("director", "03-02 11:30"),
    ]


def test_an_urgent_flag_on_friday_night_pages_on_call():
    assert ladder("urgent", "2026-03-06 21:00") == [
        ("assigned", "03-06 21:00"),
        ("on_call", "03-06 21:00"),
        ("on_call_again", "03-06 21:05"),
        ("lead", "03-06 21:30"),
        ("director", "03-06 22:30"),
    ]


def test_an_urgent_flag_before_dawn_waits_for_the_opening():
    assert ladder("urgent", "2026-03-03 03:00") == [
        ("assigned", "03-03 03:00"),
        ("assigned_again", "03-03 08:05"),
        ("lead", "03-03 08:30"),
        ("director", "03-03 09:30"),
    ]


def test_an_urgent_flag_just_before_the_weekend_pages_on_call_when_the_clinic_closes():
    assert ladder("urgent", "2026-03-06 17:50") == [
        ("assigned", "03-06 17:50"),
        ("assigned_again", "03-06 17:55"),
        ("on_call", "03-06 18:00"),
        ("lead", "03-06 18:20"),
        ("director", "03-06 19:20"),
    ]


def test_a_routine_flag_reaches_the_lead_when_it_is_overdue():
    assert ladder("routine", "2026-03-06 21:00") == [
        ("assigned", "03-09 08:00"),
        ("lead", "03-09 18:00"),
    ]


def test_nobody_is_told_about_an_ok_reply():
    assert ladder("ok", "2026-03-02 10:00") == []


@pytest.mark.parametrize(
    ("raised", "paged"),
    [
        pytest.param("2026-03-02 20:00", None, id="twelve hours are not over twelve"),
        pytest.param("2026-03-02 19:59", "2026-03-02 19:59", id="a minute more"),
        pytest.param("2026-03-02 16:00", None, id="due before closing"),
        pytest.param("2026-03-02 16:01", "2026-03-02 18:00", id="due after closing"),
    ],
)
def test_on_call_is_woken_when_the_next_opening_is_over_twelve_hours_away(raised, paged):
    found = on_call_paged_at(Level.URGENT, chicago(raised), CLINIC)

    assert (found and on_the_wall(found)) == paged


def test_notices_repeat_until_somebody_takes_the_flag():
    raised = chicago("2026-03-07 02:00")

    steps = escalation_steps(Level.EMERGENCY, raised, CLINIC, until=raised + timedelta(minutes=30))

    assert [(s.step, s.audience) for s in steps[5:]] == [
        ("again_1", Audience.EVERYONE),
        ("again_2", Audience.EVERYONE),
    ]
    assert steps[-1].at == raised + timedelta(minutes=30)


def test_repeated_notices_of_an_urgent_flag_let_people_sleep_when_on_call_was_not_woken():
    raised = chicago("2026-03-03 15:00")

    steps = escalation_steps(Level.URGENT, raised, CLINIC, until=raised + timedelta(hours=18))

    assert len({step.step for step in steps}) == len(steps)
    assert all(is_open(step.at, CLINIC) for step in steps)


# --- what always holds -----------------------------------------------------------------------

moments = st.integers(0, 67 * 366 * 24 * 3600).map(lambda s: datetime.fromtimestamp(s, UTC))
hours = st.builds(
    lambda opens, length: OpenHours(time(opens), time(opens + length)),
    st.integers(0, 20),
    st.integers(1, 3),
)
clinics = st.builds(
    ClinicFacts,
    name=st.just("Bayou"),
    phone=st.just("281-555-0100"),
    time_zone=st.sampled_from(sorted(zoneinfo.available_timezones())),
    hours=st.dictionaries(st.integers(0, 6), hours),
    holidays=st.just(frozenset({date(2026, 12, 25), date(2026, 1, 1)})),
)
people_call = st.sampled_from([Level.URGENT, Level.ROUTINE])
many = settings(max_examples=200, deadline=None)


@many
@given(people_call, moments, clinics)
def test_no_promise_falls_where_nobody_works(level, now, clinic):
    promised = call_by(level, now, clinic)

    assert promised > now
    assert promised >= flag_deadline(level, now, clinic)
    assert is_open(promised - timedelta(seconds=1), clinic)


@many
@given(moments, clinics, st.integers(1, 600))
def test_business_time_counts_only_open_hours(moment, clinic, minutes):
    end = add_business_time(moment, timedelta(minutes=minutes), clinic)

    assert end - moment >= timedelta(minutes=minutes)
    assert is_open(end - timedelta(seconds=1), clinic)


@many
@given(moments, clinics)
def test_the_next_opening_is_open_and_not_in_the_past(moment, clinic):
    opening = next_opening(moment, clinic)

    assert opening >= moment
    assert is_open(opening, clinic)
    assert opening == moment or not is_open(opening - timedelta(seconds=1), clinic)


@many
@given(st.sampled_from(Level), moments, clinics)
def test_every_ladder_starts_no_earlier_than_its_flag_and_only_climbs(level, raised, clinic):
    steps = escalation_steps(level, raised, clinic)

    times = [step.at for step in steps]
    assert times == sorted(times)
    assert not times or times[0] >= raised
    assert len({step.step for step in steps}) == len(steps)


def test_a_year_of_holidays_still_gives_a_flag_a_deadline():
    day_0 = date(2026, 1, 1)
    closed = frozenset(day_0 + timedelta(days=n) for n in range(800))

    due = flag_deadline(Level.URGENT, chicago("2026-01-01 10:00"), replace(CLINIC, holidays=closed))

    assert due > chicago("2027-01-01 10:00")


def test_hours_that_make_no_sense_are_taken_for_the_usual_ones():
    backwards = {day: OpenHours(time(18), time(8)) for day in range(7)}

    assert is_open(chicago("2026-03-02 10:00"), replace(CLINIC, hours=backwards))


def test_a_clinic_is_closed_on_a_day_that_its_calendar_skips():
    apia = replace(CLINIC, time_zone="Pacific/Apia")
    thursday_night = datetime(2011, 12, 29, 20, tzinfo=ZoneInfo("Pacific/Apia"))

    opening = next_opening(thursday_night.astimezone(UTC), apia)

    assert on_the_wall(opening, ZoneInfo("Pacific/Apia")) == "2012-01-02 08:00"
