"""What a call list says: how far away a call is, which words decided, and what to ask."""

from datetime import timedelta

import pytest

from service.domain.call_prompts import load_call_prompts, read_call_prompts
from service.domain.evidence import Piece, pieces_of
from service.domain.files import DataFileError
from service.domain.protocol import CURRENT_VERSION
from service.domain.time_words import due_words, hours_words
from service.domain.triage import read_reply
from service.domain.triage.readings import Circumstances
from service.domain.triage.rules import Role, load_rules
from tests.make import NOON


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (80, "due in 1 h 20"),
        (60, "due in 1 h"),
        (65, "due in 1 h 05"),
        (9, "due in 9 min"),
        (2 * 24 * 60 + 100, "due in 2 days"),
        (24 * 60, "due in 1 day"),
        (0, "overdue by less than a minute"),
        (-10, "overdue by 10 min"),
        (-200, "overdue by 3 h 20"),
    ],
)
def test_a_deadline_is_read_as_how_far_away_it_is(minutes, words):
    assert due_words(NOON + timedelta(minutes=minutes), NOON) == words


def test_a_session_is_so_many_hours_ago_and_after_a_week_so_many_days():
    assert hours_words(NOON - timedelta(hours=51, minutes=40), NOON) == "51 h"
    assert hours_words(NOON - timedelta(days=9), NOON) == "9 days"


def found(text, category="nerve", *, start, end, dropped=None, level="urgent"):
    assert start < end <= len(text)
    return {
        "category": category,
        "level": level,
        "cue": "",
        "start": start,
        "end": end,
        "dropped": dropped,
    }


def test_the_words_that_decided_are_marked_once_however_often_they_were_found():
    text = "my hand is numb"
    findings = [found(text, start=3, end=15), found(text, start=11, end=15)]

    assert pieces_of(text, findings) == (Piece("my "), Piece("hand is numb", ("nerve",)))


def test_what_a_patient_denies_is_marked_as_not_counting():
    text = "no fever"

    pieces = pieces_of(text, [found(text, "infection", start=3, end=8, dropped="denied")])

    assert pieces == (Piece("no "), Piece("fever", ("infection",), "denied"))


def test_what_counts_goes_before_what_does_not_where_both_were_found():
    text = "chest pain"
    findings = [
        found(text, "question", start=0, end=10, dropped="hypothetical"),
        found(text, "chest_pain", start=0, end=10),
    ]

    assert pieces_of(text, findings) == (Piece("chest pain", ("chest_pain",)),)


def test_a_reply_is_shown_whole_whatever_was_found_in_it():
    text = "its a 7 and my hand is numb, no fever"
    around = Circumstances(checkin_open=True, hours_since_session=48, baseline=5)
    findings = [vars(one) for one in read_reply(text, around).findings]

    pieces = pieces_of(text, findings)

    assert "".join(piece.words for piece in pieces) == text
    assert [piece.words for piece in pieces if piece.found] == ["7", "hand is numb", "fever"]


def test_a_finding_outside_the_words_marks_nothing():
    assert pieces_of("hi", [found("a longer text", start=5, end=9)]) == (Piece("hi"),)


def test_expected_soreness_is_not_marked():
    assert pieces_of("sore", [found("sore", start=0, end=4, level="ok")]) == (Piece("sore"),)


def test_every_finding_that_rules_can_raise_has_a_name_and_questions():
    prompts = load_call_prompts(CURRENT_VERSION)
    raised = {
        family.category
        for family in load_rules().families
        if family.role is Role.FINDING and family.level != "ok"
    }

    assert raised - prompts.reasons.keys() == set()


def test_a_failed_message_is_named_by_what_happened_to_it():
    prompts = load_call_prompts(CURRENT_VERSION)

    assert [one.key for one in prompts.reasons_for("undelivered", ["checkin_48h"])] == [
        "undelivered"
    ]
    assert [one.key for one in prompts.reasons_for("reply", ["nerve", "nerve"])] == ["nerve"]
    assert [one.key for one in prompts.reasons_for("never heard of", [])] == ["other"]


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("version: 2\n", "version"),
        ("version: 1\nalways: [a]\nreasons: {}\n", "reasons"),
        ("version: 1\nalways: [a]\nreasons: {other: {name: x}}\n", "other"),
        ("version: 1\nalways: [a]\nreasons: {other: {name: x, ask: ['']}}\n", "ask"),
        ("version: 1\nalways: []\nreasons: {other: {name: x, ask: [a]}}\n", "always"),
    ],
)
def test_a_file_with_a_gap_is_refused_by_name(tmp_path, table, wrong):
    (tmp_path / "calls.en.yaml").write_text(table)

    with pytest.raises(DataFileError, match=wrong):
        read_call_prompts(tmp_path, 1)
