"""Numbers, addresses and keywords as people really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.contact import ContactError, Keyword, keyword, parse_email, parse_phone


@pytest.mark.parametrize(
    "written",
    [
        "+12815550123",
        "(281) 555-0123",
        "281.555.0123",
        "1 281 555 0123",
        "001 281-555-0123"[2:],
        " 281 555 0123 ",
        "tel:+1-281-555-0123",
        "２８１ ５５５ ０１２３",
        "\u202a+1 (281) 555-0123\u202c",
    ],
)
def test_one_number_written_many_ways_is_one_number(written):
    assert parse_phone(written) == "+12815550123"


def test_a_number_from_abroad_keeps_its_country():
    assert parse_phone("+52 55 1234 5678") == "+525512345678"
    assert parse_phone("55 1234 5678", region="MX") == "+525512345678"


@pytest.mark.parametrize("written", ["", "none", "911", "555-0123", "+1281555012", "1" * 400])
def test_what_is_no_phone_number_is_refused(written):
    with pytest.raises(ContactError, match="is not a phone number") as refusal:
        parse_phone(written)

    assert refusal.value.field == "phone"


def test_a_number_behind_a_switchboard_cannot_be_texted():
    with pytest.raises(ContactError, match="extension"):
        parse_phone("281-555-0123 ext. 7")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param("ana@clinic.com", "ana@clinic.com", id="as written"),
        pytest.param(" Ana.Lopez+care@Clinic.COM ", "Ana.Lopez+care@clinic.com", id="capitals"),
        pytest.param("ana@clínica.com", "ana@xn--clnica-4va.com", id="foreign domain"),
    ],
)
def test_an_address_is_kept_in_its_usual_form(written, kept):
    assert parse_email(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ana",
        "ana@",
        "@clinic.com",
        "a@b@c.com",
        "ana@clinic",
        "añá@clinic.com",
        "a b@c.com",
        "ana@clinic.com\nBcc: all@clinic.com",
    ],
)
def test_what_is_no_address_is_refused(written):
    with pytest.raises(ContactError, match="is not an email address") as refusal:
        parse_email(written)

    assert refusal.value.field == "email"


STOP_WORDS = [
    *("STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT", "CANCEL", "OPT OUT"),
    *("ALTO", "PARAR", "PARE", "CANCELAR", "BASTA", "NO MAS TEXTOS"),
]
START_WORDS = ["START", "UNSTOP", "INICIAR", "EMPEZAR"]
HELP_WORDS = ["HELP", "INFO", "AYUDA"]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        pytest.param(STOP_WORDS, Keyword.STOP, id="stop"),
        pytest.param(START_WORDS, Keyword.START, id="start"),
        pytest.param(HELP_WORDS, Keyword.HELP, id="help"),
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
            assert keyword(written.format(typed)) is meaning, typed


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
        "BASTA!!!",
    ],
)
def test_stop_is_understood_with_politeness_and_decoration(text):
    assert keyword(text) is Keyword.STOP


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
    ],
)
def test_other_words_are_left_to_be_read_as_a_reply(text):
    assert keyword(text) is None


@pytest.mark.parametrize(
    "text", ["help me", "help please", "HELP 😭", "ayúdenme", "ayuda por favor", "SOS help"]
)
def test_what_may_be_a_cry_for_help_is_not_taken_for_the_keyword(text):
    assert keyword(text) is None


@given(st.text())
def test_any_text_at_all_can_be_looked_at(text):
    assert keyword(text) in (None, *Keyword)


@given(
    st.sampled_from(STOP_WORDS), st.text(alphabet=" .,!?…\n\t\u200b\u200d\ufe0f🛑🙏", max_size=9)
)
def test_no_decoration_hides_a_wish_to_stop(word, decoration):
    assert keyword(f"{decoration}{word}{decoration}") is Keyword.STOP


def full_width(word: str) -> str:
    """The word in the wide letters of East Asian keyboards."""
    return "".join(letter if letter == " " else chr(ord(letter) + 0xFEE0) for letter in word)
