"""What the reader already gets right, and that it never lets a reply fall through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.triage import Circumstances, load_rules, read_reply
from service.domain.values import Language, Level


def asked(hours: float = 48.0, baseline: int | None = 4, previous: int | None = None):
    return Circumstances(
        language=Language.EN,
        hours_since_session=hours,
        baseline=baseline,
        previous=previous,
        checkin_open=True,
    )


def test_the_cue_files_can_be_read():
    assert load_rules().version.startswith("1.")


@pytest.mark.parametrize(
    ("reply", "circumstances", "level"),
    [
        ("2", asked(), Level.OK),
        ("7", asked(), Level.URGENT),
        ("7", asked(baseline=7), Level.ROUTINE),
        ("5", asked(baseline=3), Level.URGENT),
        ("5", asked(96.0, baseline=5, previous=5), Level.URGENT),
        ("4", asked(96.0, baseline=6, previous=6), Level.ROUTINE),
        ("cant breath", asked(), Level.EMERGENCY),
        ("my hand is still numb", asked(), Level.URGENT),
        ("3, spot is red hot and oozing", asked(), Level.URGENT),
    ],
)
def test_a_worked_case_is_read_as_the_protocol_says(reply, circumstances, level):
    assert read_reply(reply, circumstances).level is level


def test_what_no_rule_understands_goes_to_a_person():
    assert read_reply("qwrtz plmk", asked()).level is Level.ROUTINE


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text):
    assert read_reply(text, asked()).level in Level
