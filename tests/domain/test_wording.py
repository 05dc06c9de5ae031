"""The approved texts: complete, short enough, and filled without surprises."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.domain.files import DataFileError, protocol_folder
from service.domain.gsm7 import ALPHABET, SINGLE, cleaned_for_sms, segments, septets
from service.domain.protocol import load_protocol
from service.domain.slots import SLOTS, MissingSlot, slots_in
from service.domain.values import Language
from service.domain.wording import (
    UnknownText,
    check_wording,
    load_texts,
    longest_form,
    read_texts,
    sms_body,
)

TEXTS = load_texts(1)
EN, ES = Language.EN, Language.ES

VALUES = {
    "clinic": "Bayou Needling",
    "phone": "281-555-0100",
    "area": "neck",
    "move": "slow head turns and shoulder rolls",
    "callby": "Tue 10:30 AM",
    "when": "Tue 10:30 AM",
    "open": "Tue 9 AM",
}

EVERY_TEXT = [(key, language) for key in sorted(TEXTS.keys) for language in Language]


@pytest.mark.parametrize(("key", "language"), EVERY_TEXT)
def test_every_text_fits_one_message_at_its_longest(key, language):
    assert septets(longest_form(TEXTS.get(key, language), language)) <= SINGLE


@pytest.mark.parametrize(("key", "language"), EVERY_TEXT)
def test_every_text_is_filled_and_counted(key, language):
    body = sms_body(TEXTS, key, language, VALUES)

    assert not slots_in(body.text)
    assert body.septets == septets(body.text)
    assert body.segments == segments(body.text) == 1


@pytest.mark.parametrize(("key", "language"), EVERY_TEXT)
def test_every_approved_text_could_be_saved_again(key, language):
    assert check_wording(TEXTS, key, language, TEXTS.get(key, language)) == []


def test_everything_the_schedule_sends_by_text_has_words():
    scheduled = load_protocol(1).wordings

    assert {key for key in scheduled if not key.startswith("email_")} <= TEXTS.keys


def test_texts_to_staff_say_nothing_about_patients():
    notices = [key for key in TEXTS.keys if key.startswith("notice_")]

    assert notices
    for key in notices:
        assert slots_in(TEXTS.get(key, EN)) <= {"clinic", "callby"}


def test_spanish_keeps_its_accents_until_it_is_texted():
    assert "¿Cómo sigue?" in TEXTS.get("checkin_48h", ES)

    assert "¿Como sigue?" in sms_body(TEXTS, "checkin_48h", ES, VALUES).text


def test_a_patient_on_a_fluid_limit_is_not_told_to_drink_with_the_moves():
    assert "water" not in TEXTS.get("move_am_dry", EN)
    assert "agua" not in TEXTS.get("move_am_dry", ES)


def test_needles_are_named_only_where_the_emergency_room_must_know():
    naming = {key for key in TEXTS.keys if "needl" in TEXTS.get(key, EN).lower()}

    assert naming == {"emergency"}


def test_a_text_nobody_wrote_is_refused_by_name():
    with pytest.raises(UnknownText, match="no_such_text"):
        sms_body(TEXTS, "no_such_text", EN, VALUES)
    with pytest.raises(UnknownText, match="no_such_text"):
        TEXTS.get("no_such_text", EN)


@pytest.mark.parametrize("phone", [None, "", " ", "☎"])
def test_a_text_with_a_blank_left_in_it_is_not_sent(phone):
    slots = VALUES | {"phone": phone} if phone is not None else {"clinic": "Bayou"}

    with pytest.raises(MissingSlot, match="phone"):
        sms_body(TEXTS, "call_missed", EN, slots)


def test_a_therapists_own_words_are_shortened_at_a_word_before_a_third_segment():
    move = "walk slowly round the block and then bend your knees " * 6

    body = sms_body(TEXTS, "move_am", EN, VALUES | {"move": move})

    assert body.segments == 2
    assert body.text.endswith("Skip hard workouts. Keep drinking water.")
    shortened = body.text.partition("today: ")[2].partition(". Skip")[0]
    assert move.startswith(f"{shortened} ")


def test_the_phone_number_stays_whole_however_long_the_clinics_name_is():
    slots = VALUES | {
        "clinic": "Center for Dry Needling and Recovery " * 9,
        "phone": "281-555-0100",
    }

    body = sms_body(TEXTS, "call_missed", EN, slots)

    assert body.segments == 2
    assert "Please call us at 281-555-0100." in body.text


@given(
    st.sampled_from(EVERY_TEXT),
    st.fixed_dictionaries({name: st.text(max_size=400) for name in ("clinic", "move", "area")}),
)
def test_no_value_makes_a_text_unsendable_or_longer_than_two_segments(text, odd):
    key, language = text
    assume(all(cleaned_for_sms(value) for value in odd.values()))

    body = sms_body(TEXTS, key, language, VALUES | odd)

    assert set(body.text) <= ALPHABET
    assert body.segments <= 2
    assert body.segments == segments(body.text)
    assert body.septets == septets(body.text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "the text is empty", id="empty"),
        pytest.param("{clinic}: call “{phone}”", "a text message cannot carry “ ”", id="quotes"),
        pytest.param("{clinic}: call {phone} 😀", "a text message cannot carry 😀", id="emoji"),
        pytest.param("{clinic}: call us", "{phone} is missing", id="lost slot"),
        pytest.param("{clinic} {phone} {name}", "{name} is not a slot", id="unknown slot"),
        pytest.param(
            "{clinic} {phone} {callby}", "{callby} is not filled in this text", id="foreign slot"
        ),
        pytest.param("{clinic} {phone} {", "a brace { } stands alone", id="loose brace"),
        pytest.param(
            "{clinic} {phone} " + "a" * 280,
            "it takes 3 segments at its longest; 2 are allowed",
            id="too long",
        ),
    ],
)
def test_a_wording_that_could_not_be_sent_is_not_saved(text, problem):
    assert problem in check_wording(TEXTS, "call_missed", EN, text)


def test_a_wording_of_two_segments_with_spanish_accents_may_be_saved():
    text = "{clinic}: Llámenos al {phone}. " + "Aquí estamos. " * 15

    assert check_wording(TEXTS, "call_missed", ES, text) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the approved texts that a test may spoil."""
    for language in Language:
        shutil.copy(protocol_folder(1) / f"texts.{language.value}.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "was", "becomes", "problem"),
    [
        pytest.param("es", "  thanks:", "  thank_you:", "thank_you: is in one", id="lost key"),
        pytest.param("es", "al {phone} si", "al 911 si", "thanks: has not the slots", id="slots"),
        pytest.param("en", "Glad to help.", "Glad to help…", "thanks: .*cannot carry …", id="…"),
        pytest.param("en", "Glad to help.", "So glad to help.", "thanks: takes 66 ", id="longer"),
        pytest.param("en", "Glad to help.", "{name}.", "{name} is not a slot", id="new slot"),
        pytest.param("en", "version: 1", "version: 2", "is not version 1", id="version"),
        pytest.param("es", "language: es", "language: en", "in 'es'", id="language"),
        pytest.param("en", "  photo:", "  thanks:", "there twice", id="a key twice"),
        pytest.param("en", "    at_most: 63", "    at_least: 63", "needs text and", id="field"),
        pytest.param("en", "texts:", "text:", "needs named texts", id="no texts"),
        pytest.param("en", "version: 1", "version: [", "cannot be read", id="not YAML"),
    ],
)
def test_a_spoiled_data_file_is_refused_with_the_reason(folder, file, was, becomes, problem):
    path = folder / f"texts.{file}.yaml"
    words = path.read_text(encoding="utf-8")
    assert was in words
    path.write_text(words.replace(was, becomes), encoding="utf-8")

    with pytest.raises(DataFileError, match=problem):
        read_texts(folder, 1)


def test_a_version_that_was_never_written_is_refused():
    with pytest.raises(DataFileError, match=r"texts\.en\.yaml: is missing"):
        load_texts(99)


def test_only_the_agreed_slots_are_used():
    used = {name for key, language in EVERY_TEXT for name in slots_in(TEXTS.get(key, language))}

    assert used == SLOTS
