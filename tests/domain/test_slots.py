"""The blanks in a text: how they are filled, and how times are spoken."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.protocol import load_protocol
from service.domain.slots import LONGEST, MissingSlot, fill, region_slots, spoken_time
from service.domain.values import Language

CHICAGO = ZoneInfo("America/Chicago")


def test_a_text_is_filled_with_its_accents():
    filled = fill("{clinic}: ¿Cómo está? {phone}", {"clinic": "Clínica Sol", "phone": "281"})

    assert filled == "Clínica Sol: ¿Cómo está? 281"


@pytest.mark.parametrize("slots", [{}, {"phone": ""}, {"phone": "  "}])
def test_a_blank_that_nothing_was_given_for_is_named(slots):
    with pytest.raises(MissingSlot, match="phone"):
        fill("Call {phone}.", slots)


@given(st.text(min_size=1).filter(str.strip))
def test_a_value_is_never_read_as_a_slot(value):
    assert fill("{clinic}/{phone}", {"clinic": "{phone}", "phone": value}) == f"{{phone}}/{value}"


@pytest.mark.parametrize(
    ("moment", "language", "spoken"),
    [
        pytest.param("2026-03-03T16:30", Language.EN, "Tue 10:30 AM", id="half past"),
        pytest.param("2026-03-03T15:00", Language.EN, "Tue 9 AM", id="on the hour"),
        pytest.param("2026-03-03T18:05", Language.EN, "Tue 12:05 PM", id="just after noon"),
        pytest.param("2026-03-03T06:00", Language.EN, "Tue 12 AM", id="midnight"),
        pytest.param("2026-03-04T02:00", Language.EN, "Tue 8 PM", id="still Tuesday in Texas"),
        pytest.param("2026-03-10T15:30", Language.EN, "Tue 10:30 AM", id="in summer time"),
        pytest.param("2026-03-03T16:30", Language.ES, "mar 10:30 AM", id="Spanish"),
        pytest.param("2026-03-07T15:00", Language.ES, "sáb 9 AM", id="Spanish Saturday"),
    ],
)
def test_times_are_spoken_in_the_patients_own_zone_and_language(moment, language, spoken):
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert spoken_time(at, CHICAGO, language) == spoken


@pytest.mark.parametrize(
    ("language", "day", "spoken"),
    [
        pytest.param(Language.EN, 8, "Thu 9 AM", id="six days ahead is a weekday"),
        pytest.param(Language.EN, 9, "Jan 9 9 AM", id="seven days ahead is a date"),
        pytest.param(Language.ES, 9, "9 ene 9 AM", id="a date in Spanish"),
    ],
)
def test_a_time_after_long_holidays_is_not_taken_for_this_week(language, day, spoken):
    now = datetime(2026, 1, 2, 20, tzinfo=UTC)

    assert spoken_time(datetime(2026, 1, day, 15, tzinfo=UTC), CHICAGO, language, now=now) == spoken


@given(
    st.integers(min_value=0, max_value=2**32).map(
        lambda second: datetime.fromtimestamp(second, UTC)
    )
)
def test_a_spoken_time_is_never_longer_than_texts_are_counted_with(moment):
    for language in Language:
        assert len(spoken_time(moment, CHICAGO, language)) <= LONGEST[language]["callby"]


def test_every_region_has_words_that_fit_its_slots():
    regions = load_protocol(1).regions

    for code in regions:
        for language in Language:
            words = region_slots(regions, code, language)
            assert len(words["area"]) <= LONGEST[language]["area"], code
            assert len(words["move"]) <= LONGEST[language]["move"], code
