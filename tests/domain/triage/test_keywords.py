"""The words that stop, start and explain texts, as people really write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.triage import Circumstances, read_reply
from service.domain.triage.keywords import keyword_of

pieces = st.sampled_from(
    [
        *"stopSTOP .!?\n\0\u200b\u202e🛑7",
        "STOP",
        "start",
        "help",
        "alto",
        "ya",
        "please",
        "ﬆ",
        "ſ",
        "ａ",
    ]
) | st.text(max_size=3)

STOP_WORDS = [
    *("STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT", "CANCEL", "OPT OUT"),
    *("ALTO", "PARAR", "PARE", "CANCELAR", "BASTA", "NO MAS TEXTOS"),
]
START_WORDS = ["START", "UNSTOP", "INICIAR", "EMPEZAR"]
HELP_WORDS = ["HELP", "INFO", "AYUDA"]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        pytest.param(STOP_WORDS, "stop", id="stop"),
        pytest.param(START_WORDS, "start", id="start"),
        pytest.param(HELP_WORDS, "help", id="help"),
    ],
)
@pytest.mark.parametrize(
    "written",
    [
        pytest.param("{}", id="as agreed"),
        pytest.param(" {}.\n", id="full stop"),
        pytest.param("“{}”!!", id="quoted"),
        pytest.param("\u200b{}\ufeff", id="hidden characters"),
    ],
)
def test_every_agreed_word_is_understood_however_it_is_typed(words, meaning, written):
    for word in words:
        for typed in (word, word.lower(), word.title(), full_width(word)):
            assert keyword_of(written.format(typed)) == meaning, typed


@pytest.mark.parametrize(
    "text",
    [
        "Stop. Thank you",
        "STOP please",
        "stop pls thx",
        "alto por favor, gracias",
        "STOP 🛑",
        "🛑 stop 🙏🏽",
        "S.T.O.P.",
        "s t o p",
        "st\u200bop",
        "s\u00adtop",
        "opt-out",
        "No más textos, por favor",
        "𝐒𝐓𝐎𝐏",
        "ⓢⓣⓞⓟ",
        "Stop all",
        "please stop",
        "alto ya",
        "no mas mensajes",
        "BASTA!!!",
    ],
)
def test_stop_is_understood_with_politeness_and_decoration(text):
    assert keyword_of(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "🛑",
        "please",
        "stop by tomorrow?",
        "should I stop stretching?",
        "it won't stop",
        "STOP i cant breathe",
        "cancel my appointment",
        "the end of my leg",
        "un stop",
        "YES",
        "si",
        "3",
        "alto dolor",
        "thank you",
        "ya",
    ],
)
def test_other_words_are_left_to_be_read_as_a_reply(text):
    assert keyword_of(text) is None


@pytest.mark.parametrize(
    "text", ["help me", "help please", "HELP 😭", "ayúdenme", "ayuda por favor", "SOS help"]
)
def test_what_may_be_a_cry_for_help_is_not_taken_for_the_keyword_of(text):
    assert keyword_of(text) is None


@given(st.text())
def test_any_text_at_all_can_be_looked_at(text):
    assert keyword_of(text) in (None, "stop", "start", "help")


@given(
    st.sampled_from(STOP_WORDS), st.text(alphabet=" .,!?…\n\t\u200b\u200d\ufe0f🛑🙏", max_size=9)
)
def test_no_decoration_hides_a_wish_to_stop(word, decoration):
    assert keyword_of(f"{decoration}{word}{decoration}") == "stop"


@settings(max_examples=200, derandomize=True)
@given(st.lists(pieces, max_size=6).map("".join), st.booleans())
def test_what_the_word_alone_stops_is_stopped_as_well_when_it_is_read_whole(text, asked):
    around = Circumstances(hours_since_session=48.0, baseline=5, checkin_open=asked)
    keyword, reading = keyword_of(text), read_reply(text, around)

    assert reading.opt_out or keyword != "stop"
    assert not (reading.opt_out and keyword in ("start", "help"))
    assert keyword_of(text.upper()) == keyword_of(text.lower())


def full_width(word: str) -> str:
    """The word in the wide letters of East Asian keyboards."""
    return "".join(letter if letter == " " else chr(ord(letter) + 0xFEE0) for letter in word)
