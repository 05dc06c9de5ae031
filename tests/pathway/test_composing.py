"""What a patient's phone shows: the approved words, the clinic's details, nothing left blank."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest

from service.domain.slots import MissingSlot
from service.domain.values import ClinicFacts, Language
from service.pathway.composing import text_of

CHICAGO = ZoneInfo("America/Chicago")
CLINIC = ClinicFacts("Bayou Needling", "281-555-0100", "America/Chicago")


@dataclass
class Row:
    wording: str
    language: Language = Language.EN
    protocol_version: int = 1
    slots: dict[str, str] = field(default_factory=dict)


def test_the_region_is_named_in_the_patients_language():
    body = text_of(Row("move_am", Language.ES, slots={"region": "low_back"}), CLINIC, CHICAGO)

    assert "la espalda baja" in body.text
    assert body.segments == 1


def test_the_therapists_own_words_replace_the_regions_moves():
    slots = {"region": "generic", "move_text": "walk 10 minutes"}

    body = text_of(Row("move_am", slots=slots), CLINIC, CHICAGO)

    assert "walk 10 minutes" in body.text


def test_the_call_by_time_is_told_in_local_time():
    body = text_of(Row("urgent", slots={"callby": "2026-03-03T20:15:00+00:00"}), CLINIC, CHICAGO)

    assert "by Tue 2:15 PM" in body.text


def test_a_text_with_a_blank_is_never_sent():
    with pytest.raises(MissingSlot):
        text_of(Row("urgent"), CLINIC, CHICAGO)
