"""A check-in page is read whole: its number, its ticked signs and its words."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.triage import Answer, Circumstances, read_reply
from service.domain.triage.ticks import SIGNS, PageAnswer, read_spoken, with_ticks
from service.domain.values import Level

DAY_TWO = Circumstances(hours_since_session=48, baseline=5, checkin_open=True)
EVERY_TICK = [ticked for size in range(5) for ticked in combinations(SIGNS, size)]
WORDS = [
    "",
    "all good, thanks!",
    "no chest pain, breathing is fine",
    "STOP",
    "help",
    "👍",
    "ya no me duele nada",
    "asdf qwer",
]


def read(score=None, signs=(), words="", around=DAY_TWO, asked=True):
    answer = PageAnswer(score, tuple(signs), words, asked)
    return with_ticks(read_spoken(answer, around, read_reply), answer, around)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("score", [None, 0, 10])
def test_a_ticked_a_is_an_emergency_whatever_stands_beside_it(score, words):
    reading = read(score, ["A"], words)

    assert reading.level is Level.EMERGENCY
    assert reading.categories[0] == "breathing"
    assert reading.answer in (Answer.EMERGENCY, Answer.STOP_SERIOUS)


@pytest.mark.parametrize(
    ("letter", "category"), [("B", "nerve"), ("C", "infection"), ("D", "spasm")]
)
@pytest.mark.parametrize("words", WORDS)
def test_every_other_tick_is_urgent(letter, category, words):
    reading = read(0, [letter], words)

    assert reading.level is Level.URGENT
    assert category in reading.categories


@settings(deadline=None)
@given(
    score=st.one_of(st.none(), st.integers(0, 10)),
    ticked=st.sampled_from(EVERY_TICK),
    words=st.one_of(st.sampled_from(WORDS), st.text(max_size=60)),
)
def test_nothing_on_a_page_is_lost(score, ticked, words):
    answer = PageAnswer(score, ticked, words)

    reading = read(score, ticked, words)

    if score is not None:
        assert reading.level.rank <= read(score).level.rank
    if ticked:
        assert reading.level.rank <= read(None, ticked).level.rank
    assert reading.level.rank <= read_spoken(answer, DAY_TWO, read_reply).level.rank
    if score is not None:
        assert reading.score == score
        assert f"{score}/10" in answer.as_text()
    assert words in answer.as_text()
    assert set(ticked) <= set(reading.signs)


def test_a_number_with_no_sign_ticked_has_answered_both_questions():
    reading = read(2)

    assert (reading.level, reading.score, reading.signs) == (Level.OK, 2, ("N",))
    assert reading.answer is Answer.OK


def test_words_alone_have_not_answered_the_signs():
    assert read(words="feeling better").signs == ()


@pytest.mark.parametrize("words", ["asdf qwer zxcv", "👍", "?"])
def test_what_is_not_understood_goes_to_a_person_because_a_page_cannot_ask_back(words):
    reading = read(words=words)

    assert reading.level is Level.ROUTINE
    assert reading.answer is Answer.ROUTINE


@pytest.mark.parametrize("words", ["help", "HELP", "ayuda"])
def test_help_on_a_page_is_a_wish_to_be_called(words):
    reading = read(words=words)

    assert reading.level is Level.ROUTINE
    assert "callback_request" in reading.categories


def test_old_steady_pain_with_words_beside_it_is_read_as_a_text_would_be():
    steady = Circumstances(hours_since_session=48, baseline=7, checkin_open=True)

    assert read(7, around=steady).level is Level.ROUTINE
    assert read(7, words="and it scares me", around=steady).level is Level.URGENT


def test_stop_in_the_free_box_is_still_an_opt_out():
    reading = read(1, words="stop texting me")

    assert reading.opt_out
    assert reading.answer is Answer.STOP


def test_findings_point_at_the_characters_that_are_stored():
    answer = PageAnswer(3, ("B", "C"), "my hand is numb")
    text = answer.as_text()

    reading = with_ticks(read_reply(answer.spoken(), DAY_TWO), answer, DAY_TWO)

    shown = {text[found.start : found.end] for found in reading.findings}
    assert text == "3/10\nmy hand is numb\nB, C"
    assert "B, C" in shown
    assert any("numb" in words for words in shown)


def test_a_free_box_alone_gets_no_answer_when_all_is_well():
    assert read(words="all good", asked=False).answer is Answer.NONE
