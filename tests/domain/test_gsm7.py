"""The alphabet of text messages, its counting, and what becomes of what it lacks."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.gsm7 import (
    ALPHABET,
    BASIC,
    EXTENSION,
    OutsideAlphabet,
    cleaned_for_sms,
    fold_for_sms,
    segments,
    septets,
)

# GSM 03.38, row by row of its table, with \x1b for the escape to the extension.
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)


def test_the_alphabet_is_the_whole_published_table():
    assert len(TABLE) == 128

    assert set(TABLE) - {"\x1b"} == BASIC


@pytest.mark.parametrize("character", sorted(BASIC))
def test_a_basic_character_takes_one_septet(character):
    assert septets(character) == 1


@pytest.mark.parametrize("character", list("\f^{}\\[~]|€"))
def test_an_extension_character_takes_two_septets(character):
    assert septets(character) == 2


def test_the_extension_has_no_other_characters():
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@pytest.mark.parametrize("character", ["á", "Í", "ç", "’", "–", "😀", "\u200b", "\x00", "中"])
def test_what_a_text_message_cannot_carry_is_not_counted(character):
    with pytest.raises(OutsideAlphabet) as refusal:
        septets(f"dolor {character}")

    assert refusal.value.characters == character


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 1, id="nothing"),
        pytest.param("a" * 160, 1, id="as much as one text holds"),
        pytest.param("a" * 161, 2, id="one more"),
        pytest.param("a" * 306, 2, id="two full segments"),
        pytest.param("a" * 307, 3, id="one more than two"),
        pytest.param("€" * 80, 1, id="eighty euro signs"),
        pytest.param("€" * 80 + "a", 2, id="eighty euro signs and a letter"),
        pytest.param("a" * 152 + "€" + "a" * 151, 2, id="an escape moved to the next segment"),
        pytest.param("a" * 152 + "€" + "a" * 152, 3, id="and no room left there"),
    ],
)
def test_a_long_text_is_billed_in_segments_of_153(text, expected):
    assert segments(text) == expected


def test_spanish_loses_only_the_accents_that_a_text_message_cannot_carry():
    written = "¿Cómo está? ¡Mañana, después de él, pingüino! ÁÍÓÚ áíóú Ñ É Ü"

    assert fold_for_sms(written) == "¿Como esta? ¡Mañana, después de él, pingüino! AIOU aiou Ñ É Ü"


@pytest.mark.parametrize(
    ("typed", "carried"),
    [
        pytest.param("Joe’s “Needling” – Katy…", 'Joe\'s "Needling" - Katy...', id="typography"),
        pytest.param("Ana\u00a0\u200bLópez", "Ana Lopez", id="hidden spaces"),
        pytest.param("Move\n\tslowly \r\n now", "Move slowly now", id="several lines"),
        pytest.param("Ｃｌｉｎｉｃ １", "Clinic 1", id="full-width letters"),
        pytest.param("Stretch 💪 gently", "Stretch gently", id="emoji"),
        pytest.param("Françoise Šimková", "Francoise Simkova", id="foreign accents"),
        pytest.param("an\u0303o", "año", id="an n with a loose tilde"),
        pytest.param("中医", "", id="nothing that can be carried"),
    ],
)
def test_what_people_typed_is_carried_as_near_as_can_be(typed, carried):
    assert cleaned_for_sms(typed) == carried


@given(st.text())
def test_whatever_is_typed_nothing_outside_the_alphabet_is_sent(typed):
    cleaned = cleaned_for_sms(typed)

    assert set(cleaned) <= ALPHABET
    assert cleaned_for_sms(cleaned) == cleaned
    assert unicodedata.normalize("NFC", cleaned) == cleaned


@given(st.text(alphabet=sorted(ALPHABET)))
def test_segments_hold_the_septets_and_waste_at_most_one_each(text):
    count = segments(text)

    if count == 1:
        assert septets(text) <= 160
    else:
        assert 152 * (count - 1) < septets(text) <= 153 * count
