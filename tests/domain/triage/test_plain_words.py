"""The page of rules a clinician signs says what the cue files say."""

from pathlib import Path

from service.domain.triage import load_rules
from service.domain.triage.plain_words import plain_words

PAGE = Path(__file__).parents[3] / "docs" / "triage-rules.md"


def test_the_page_of_rules_is_the_one_in_force():
    assert PAGE.read_text(encoding="utf-8") == plain_words(load_rules())
