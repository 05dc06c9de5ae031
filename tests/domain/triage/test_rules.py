"""The cue files are sound, and what is wrong with one is said."""

import json

import pytest

from service.domain.triage import RulesError, load_rules
from service.domain.triage.linter import faults
from service.domain.triage.rules import DATA


def test_the_cue_files_have_no_fault():
    assert faults(load_rules()) == []


def with_family(tmp_path, **family):
    for path in DATA.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        if path.stem == "en":
            document["families"].append(
                {"key": "en.new", "source": "P", "meaning": "A new family", **family}
            )
        (tmp_path / path.name).write_text(json.dumps(document), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "family",
    [
        {"category": "nerve", "level": "dire", "cues": ["numb"]},
        {"category": "nerve", "level": "urgent", "cues": ["{nowhere} numb"]},
        {"category": "nerve", "level": "urgent", "cues": ["numb .."]},
        {"category": "nerve", "level": "urgent", "cues": ["numb ..40 arm"]},
        {"category": "nerve", "level": "urgent"},
    ],
)
def test_a_wrong_family_is_refused(tmp_path, family):
    with pytest.raises(RulesError):
        load_rules(with_family(tmp_path, **family))


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ({"category": "nerve", "level": "urgent", "cues": ["chest day"]}, "shadowed"),
        ({"category": "better", "role": "expected", "cues": ["pins needles"]}, None),
        ({"category": "nerve", "level": "urgent", "cues": ["qwx", "qwx"]}, "repeated"),
        (
            {"category": "nerve", "level": "urgent", "cues": ["qwx"], "examples": ["abc"]},
            "example",
        ),
    ],
)
def test_a_useless_cue_is_named(tmp_path, family, kind):
    found = {fault.kind for fault in faults(load_rules(with_family(tmp_path, **family)))}

    assert found == ({kind} if kind else set())
