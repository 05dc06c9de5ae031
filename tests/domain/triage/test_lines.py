"""Replies as JSON lines, their evaluation, and the comparison of two versions of the rules."""

import json

import pytest

from service.domain.triage import load_rules
from service.domain.triage.evaluation import evaluate, wilson
from service.domain.triage.lines import RowError, answer_line, differences
from service.domain.triage.rules import DATA


def row(text, **more):
    return {"id": "1", "lang": "en", "checkin": "48h", "baseline": 4, "previous": None,
            "text": text, **more}  # fmt: skip


def test_a_line_shows_the_words_that_decided():
    answer = answer_line(row("3 but my hand is numb"))

    assert answer["level"] == "urgent"
    assert answer["flags"] == ["nerve"]
    assert answer["score"] == 3
    assert any("numb" in entry["text"] for entry in answer["evidence"])


def test_a_line_keeps_what_was_denied_and_says_so():
    answer = answer_line(row("no fever. 2"))

    assert answer["level"] == "ok"
    assert {entry["dropped"] for entry in answer["evidence"]} == {"denied"}


def test_evidence_points_into_the_reply_as_it_was_typed():
    text = "ándale, mi mano está DORMIDA"

    for entry in answer_line(row(text))["evidence"]:
        assert entry["text"] == text[entry["start"] : entry["end"]]


@pytest.mark.parametrize(
    "wrong", [{"text": None}, {"checkin": "12h"}, {"baseline": 11}, {"previous": "3"}]
)
def test_a_line_with_a_wrong_field_is_refused(wrong):
    with pytest.raises(RowError):
        answer_line({**row("2"), **wrong})


def test_an_evaluation_counts_what_was_found_and_what_was_not():
    rows = [
        row("cant breathe", level="emergency", accept=["emergency"], flags=["breathing"],
            score=None, opt_out=False),
        row("2", level="ok", accept=["ok"], flags=[], score=2, opt_out=False),
        row("2", level="urgent", accept=["urgent"], flags=["nerve"], score=2, opt_out=False),
    ]  # fmt: skip

    figures = evaluate(rows)["figures"]

    assert figures["emergency_found"]["share"] == 1.0
    assert figures["red_found"]["count"] == 1
    assert figures["red_called_ok"]["count"] == 1
    assert figures["false_alarms"]["count"] == 0


def test_an_interval_is_wide_for_few_replies():
    low, high = wilson(10, 10)

    assert low == pytest.approx(0.722, abs=0.001)
    assert high == 1.0


def test_a_change_of_rules_lists_what_would_change(tmp_path):
    for path in DATA.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        document["families"] = [
            family for family in document.get("families", []) if family.get("category") != "nerve"
        ]
        (tmp_path / path.name).write_text(json.dumps(document), encoding="utf-8")
    fewer = load_rules(tmp_path)

    changed = differences([row("my hand is numb"), row("2")], load_rules(), fewer)

    assert [each["old"]["flags"] for each in changed] == [["nerve"]]
    assert fewer.version != load_rules().version
