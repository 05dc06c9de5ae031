"""The protocol's data files: what version 1 says, and how mistakes in them are told."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from service.domain.files import DataFileError, protocol_folder
from service.domain.protocol import CURRENT_VERSION, ProtocolError, load_protocol
from service.domain.protocol.loading import read_protocol
from service.domain.values import USUAL_PAIN_RULES, Language
from service.domain.wording import load_texts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of version 1 that a test may spoil."""
    copy = tmp_path / "v1"
    shutil.copytree(protocol_folder(1), copy)
    return copy


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text, "the test spoils something that is not there"
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_row_of_the_schedule_is_there():
    keys = {step.key for step in load_protocol(CURRENT_VERSION).steps}

    assert keys == {
        "welcome", "pre_visit", "breath_safety", "hydrate", "heat_ice", "move_am", "soreness_24h",
        "checkin_48h", "signs", "nudge_48h", "tip_72h", "checkin_96h", "nudge_96h", "close",
        "email_day0", "email_day1", "email_day3", "email_close",
    }  # fmt: skip


def test_the_sixteen_regions_are_named_in_both_languages():
    regions = load_protocol(1).regions

    assert len(regions) == 16
    assert regions["shoulder_blade"].name[Language.ES] == "el omóplato"
    assert {code for code, region in regions.items() if region.chest_adjacent} == {
        "neck", "upper_trap", "shoulder", "shoulder_blade", "upper_mid_back", "chest", "ribs_side",
        "low_back_upper",
    }  # fmt: skip


def test_every_text_that_a_step_sends_has_words():
    texts = load_texts(1).keys
    emails = {"email_day0", "email_day1", "email_day3", "email_close"}

    assert load_protocol(1).wordings - emails <= texts


def test_a_protocol_is_read_once():
    assert load_protocol(1) is load_protocol(1)


def test_the_last_daily_limit_holds_for_ever():
    limits = load_protocol(1).limits

    assert [limits.texts_on_day(day) for day in range(5)] == [3, 2, 1, 1, 1]
    assert limits.spacing == timedelta(hours=1)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "schedule.yaml",
            "kind: safety",
            "kind: advice",
            "schedule.yaml: steps.breath_safety.kind",
        ),
        ("schedule.yaml", "not_before: 30m", "not_befor: 30m", "steps.hydrate.not_befor"),
        ("schedule.yaml", "due: {after: 4h}", "due: {after: soon}", "'soon' is not a duration"),
        ("schedule.yaml", "due: {after: 4h}", "due: {}", "steps.heat_ice.due: needs exactly one"),
        (
            "schedule.yaml",
            'at: "20:00"}\n    wording',
            "at: 20:00}\n    wording",
            "quoted clock time",
        ),
        (
            "schedule.yaml",
            "window: 09:00-20:00, Sun",
            "window: 21:00-20:00, Sun",
            "after it closes",
        ),
        ("schedule.yaml", "wording: welcome", "wording: wellcome", "'wellcome' is not in wordings"),
        (
            "schedule.yaml",
            "wordings: [welcome",
            "wordings: [welcome, hello",
            "no step sends 'hello'",
        ),
        ("schedule.yaml", "yields_to: nudge_48h", "yields_to: nudge", "there is no step 'nudge'"),
        ("schedule.yaml", "key: close", "key: hydrate", "steps.hydrate: is there twice"),
        ("schedule.yaml", "sent_when: may_move", "sent_when: may_dance", "steps.move_am.sent_when"),
        ("schedule.yaml", "version: 1\n", "version: 1\nversion: 1\n", "twice"),
        ("schedule.yaml", "limits:", "regions: {}\nlimits:", "belongs in regions.yaml"),
        (
            "schedule.yaml",
            '"10:00", following: checkin_48h}\n    w',
            '"10:00", following: close}\n    w',
            "'close' comes later",
        ),
        (
            "regions.yaml",
            "chest_adjacent: true",
            "chest_near: true",
            "regions.yaml: neck.chest_near",
        ),
        (
            "regions.yaml",
            "{en: neck, es: el cuello}",
            "{en: neck}",
            "needs a name and moves in 'es'",
        ),
        ("regions.yaml", "generic:", "general:", "regions.yaml: generic: is missing"),
    ],
)
def test_a_mistake_in_a_data_file_is_named_with_its_file_and_field(folder, file, old, new, said):
    spoil(folder, file, old, new)

    with pytest.raises(DataFileError) as error:
        read_protocol(folder)

    assert said in str(error.value)


def test_a_version_that_was_never_written_is_refused():
    with pytest.raises(ProtocolError, match="no version 99"):
        load_protocol(99)


def test_a_score_that_is_read_without_a_protocol_is_read_as_the_file_says():
    assert load_protocol(CURRENT_VERSION).pain.rules() == USUAL_PAIN_RULES
