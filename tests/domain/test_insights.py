"""Figures say what the answers are, and a spreadsheet only shows them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.call_prompts import load_call_prompts
from service.domain.insights import ADVERSE, HOUR_BANDS, percent, spread
from service.domain.protocol import CURRENT_VERSION
from service.domain.soreness_picture import height_of, picture
from service.domain.spreadsheets import as_csv


def test_scores_lie_between_their_quarters_and_in_the_protocols_bands():
    lies = spread({0: 1, 3: 2, 4: 4, 7: 1})

    assert lies is not None
    assert (lies.low, lies.middle, lies.high) == (3, 4, 4)
    assert (lies.mild, lies.moderate, lies.severe) == (3, 4, 1)
    assert spread({}) is None


@given(st.dictionaries(st.integers(0, 10), st.integers(1, 50), min_size=1))
def test_the_middle_half_is_in_order_and_nobody_is_left_out(counts):
    lies = spread(counts)

    assert lies is not None
    assert min(counts) <= lies.low <= lies.middle <= lies.high <= max(counts)
    assert lies.answers == sum(counts.values())


def test_a_share_of_nothing_is_nothing():
    assert [percent(0, 0), percent(1, 3), percent(1, 2), percent(3, 3)] == [0, 33, 50, 100]


def test_a_stretch_without_answers_enough_breaks_the_line():
    full = spread({2: 5})

    drawn = picture(HOUR_BANDS, dict.fromkeys(("h24", "h48", "h96", "h120"), full))

    assert [one.middle for one in drawn.columns][2] is None
    assert len(drawn.lines) == 2
    assert height_of(10) < height_of(0)


def test_every_adverse_event_has_a_name_in_the_protocol():
    assert set(ADVERSE) <= set(load_call_prompts(CURRENT_VERSION).reasons)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1", "＝1"])
def test_no_cell_of_words_is_a_formula(cell):
    (row,) = csv.reader(io.StringIO(as_csv([(cell, -1)]).removeprefix("\ufeff"), newline=""))

    assert row == [f"'{cell}", "-1"]
