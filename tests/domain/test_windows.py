"""Hours of the day in every zone of the world."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.domain.windows import (
    UnknownTimeZone,
    Window,
    at_local_time,
    closing,
    is_allowed,
    next_allowed,
    previous_allowed,
    zone_named,
)

CARE = Window(time(9), time(20), sunday_opens=time(12))
MORNING = Window(time(0, 15), time(2, 30))
"""Lies where clocks change, as no window of ours does."""

zones = st.sampled_from(sorted(zoneinfo.available_timezones())).map(ZoneInfo)
moments = st.integers(0, 68 * 366 * 24 * 3600).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)
windows = st.sampled_from([CARE, MORNING, Window(time(10), time(17, 30), sunday_opens=time(12))])
A_SECOND = timedelta(seconds=1)


def at(zone: str, written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "asked", "given_"),
    [
        pytest.param("America/Chicago", "2026-03-03 09:00", "2026-03-03 09:00", id="opening"),
        pytest.param(
            "America/Chicago", "2026-03-03 08:59", "2026-03-03 09:00", id="before opening"
        ),
        pytest.param("America/Chicago", "2026-03-03 20:00", "2026-03-04 09:00", id="at closing"),
        pytest.param(
            "America/Chicago", "2026-03-07 20:00", "2026-03-08 12:00", id="Sunday at noon"
        ),
        pytest.param("Pacific/Apia", "2011-12-29 21:00", "2011-12-31 09:00", id="no 30 December"),
        pytest.param("Australia/Lord_Howe", "2026-04-04 22:00", "2026-04-05 12:00", id="half hour"),
        pytest.param("Antarctica/Troll", "2026-03-28 22:00", "2026-03-29 12:00", id="two hours"),
    ],
)
def test_a_text_that_may_not_go_now_goes_when_the_window_next_opens(zone, asked, given_):
    assert next_allowed(at(zone, asked), CARE, ZoneInfo(zone)) == at(zone, given_)


@pytest.mark.parametrize(
    ("asked", "given_"),
    [
        pytest.param("2026-03-03 21:00", "2026-03-03 19:59:59", id="the evening before closing"),
        pytest.param("2026-03-04 08:00", "2026-03-03 19:59:59", id="yesterday"),
        pytest.param("2026-03-08 11:00", "2026-03-07 19:59:59", id="Sunday morning"),
        pytest.param("2026-03-03 12:00", "2026-03-03 12:00", id="it may go now"),
    ],
)
def test_a_text_that_may_leave_early_leaves_before_the_window_closed(asked, given_):
    zone = "America/Chicago"

    assert previous_allowed(at(zone, asked), CARE, ZoneInfo(zone)) == at(zone, given_)


def test_a_window_that_the_clocks_jump_into_opens_with_the_jump():
    zone = ZoneInfo("America/Chicago")
    window = Window(time(2, 30), time(4))

    opening = next_allowed(at("America/Chicago", "2026-03-08 00:00"), window, zone)

    assert opening == datetime(2026, 3, 8, 8, 0, tzinfo=UTC), "03:00, the first time there is"


def test_a_time_that_the_clocks_skip_is_taken_later():
    skipped = at_local_time(date(2026, 3, 8), time(2, 30), ZoneInfo("America/Chicago"))

    assert skipped.astimezone(ZoneInfo("America/Chicago")).time() == time(3, 30)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "America", "\0"])
def test_a_zone_that_nobody_knows_is_an_error_that_names_it(name):
    with pytest.raises(UnknownTimeZone, match="is not a time zone"):
        zone_named(name)


def test_a_window_cannot_close_before_it_opens():
    with pytest.raises(ValueError, match="after it closes"):
        Window(time(20), time(9))
    with pytest.raises(ValueError, match="on Sundays"):
        Window(time(9), time(11), sunday_opens=time(12))


@settings(max_examples=300, deadline=None)
@given(zones, moments, windows)
@example(ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 7, tzinfo=UTC), CARE)
@example(ZoneInfo("Australia/Lord_Howe"), datetime(2026, 4, 4, 14, 50, tzinfo=UTC), MORNING)
@example(ZoneInfo("Antarctica/Troll"), datetime(2026, 3, 29, 0, 59, tzinfo=UTC), MORNING)
@example(ZoneInfo("America/Santiago"), datetime(2026, 9, 6, 3, 59, tzinfo=UTC), MORNING)
def test_in_every_zone_the_next_allowed_moment_is_inside_and_the_first(zone, moment, window):
    found = next_allowed(moment, window, zone)

    assert found >= moment
    assert is_allowed(found, window, zone)
    assert found == moment or not is_allowed(found - A_SECOND, window, zone)
    for quarter in range(int((found - moment) / timedelta(minutes=15))):
        assert not is_allowed(moment + quarter * timedelta(minutes=15), window, zone)


@settings(max_examples=300, deadline=None)
@given(zones, moments, windows)
@example(ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 12, tzinfo=UTC), CARE)
@example(ZoneInfo("Australia/Lord_Howe"), datetime(2026, 4, 4, 15, 10, tzinfo=UTC), MORNING)
def test_in_every_zone_the_previous_allowed_moment_is_inside_and_the_last(zone, moment, window):
    found = previous_allowed(moment, window, zone)

    assert found <= moment
    assert is_allowed(found, window, zone)
    assert found == moment or not is_allowed(found + A_SECOND, window, zone)
    for quarter in range(int((moment - found) / timedelta(minutes=15))):
        assert not is_allowed(moment - quarter * timedelta(minutes=15), window, zone) or (
            quarter == 0 and found == moment
        )


@settings(max_examples=300, deadline=None)
@given(zones, moments, windows)
def test_in_every_zone_a_window_is_open_until_it_closes(zone, moment, window):
    inside = next_allowed(moment, window, zone)

    closes = closing(inside, window, zone)

    assert not is_allowed(closes, window, zone)
    assert is_allowed(closes - A_SECOND, window, zone)
    assert closes - inside <= timedelta(hours=14)
