"""What must hold for every reply, whatever it says."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.triage import Circumstances, read_reply
from service.domain.triage.levels import highest, pain_findings
from service.domain.values import Level
from tests.domain.triage.rows import labelled_rows

SCORE = st.integers(0, 10)
MAYBE = st.none() | SCORE
HOURS = st.sampled_from([None, 1.0, 48.0, 71.9, 72.0, 96.0, 200.0])
TEXTS = st.sampled_from([row["text"] for row in labelled_rows()])
ASKED = Circumstances(hours_since_session=48.0, baseline=5, checkin_open=True)


def level_of(score, hours, before, earlier):
    return highest(level for _, level in pain_findings(score, hours, before, earlier))


@given(SCORE, HOURS, MAYBE, MAYBE)
def test_more_pain_is_never_less_urgent(score, hours, before, earlier):
    if score < 10:
        less = level_of(score, hours, before, earlier)
        more = level_of(score + 1, hours, before, earlier)
        assert more.rank <= less.rank


@given(SCORE, HOURS, SCORE, MAYBE)
def test_more_pain_before_the_session_is_never_more_urgent(score, hours, before, earlier):
    if before < 10:
        lower = level_of(score, hours, before, earlier)
        higher = level_of(score, hours, before + 1, earlier)
        assert higher.rank >= lower.rank


@settings(max_examples=200)
@given(TEXTS, st.sampled_from(["i cant breathe.", "my hand is numb.", "no puedo respirar."]))
def test_a_red_sentence_never_lowers_the_level(text, red):
    alone = read_reply(text, ASKED)
    together = read_reply(f"{text}. {red}", ASKED)

    assert together.level.rank <= min(alone.level.rank, Level.URGENT.rank)


@settings(max_examples=200)
@given(TEXTS)
def test_capitals_and_spaces_do_not_change_the_level(text):
    loud = "  ".join(text.upper().split(" "))

    assert read_reply(loud, ASKED).level is read_reply(text, ASKED).level


@given(st.text(max_size=1600))
def test_every_text_gets_a_reading_with_its_characters(text):
    reading = read_reply(text, ASKED)

    assert all(0 <= each.start <= each.end <= len(text) for each in reading.findings)


def steps_of(text: str) -> int:
    """How many calls and returns of functions reading it took: the same on every machine."""
    steps = 0

    def one_more(frame: object, event: str, argument: object) -> None:
        nonlocal steps
        steps += 1

    before = sys.getprofile()
    sys.setprofile(one_more)
    try:
        read_reply(text, ASKED)
    finally:
        sys.setprofile(before)
    return steps


@pytest.mark.parametrize("again", ["1 ", "no ", "my hand is numb and ", "a", "😀", "("])
def test_a_text_of_twice_the_length_takes_at_most_twice_the_work(again):
    long = (again * 1600)[:1600]
    read_reply(long, ASKED)

    assert steps_of(long) <= 2.1 * steps_of(long[:800])
    assert steps_of(long) < 60_000
