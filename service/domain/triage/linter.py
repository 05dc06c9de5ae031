"""What is wrong with the cue files: cues that never fire, that others shadow, that contradict."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from service.domain.triage.context import findings_of
from service.domain.triage.cues import Match, Scene, scene_of
from service.domain.triage.patterns import Cue
from service.domain.triage.readings import Circumstances
from service.domain.triage.rules import Family, Role, Rules


@dataclass(frozen=True, order=True)
class Fault:
    """One thing to look at in the cue files."""

    kind: str
    family: str
    cue: str
    why: str


def faults(rules: Rules) -> list[Fault]:
    """Return every fault of the cue files, sorted; empty when they are sound."""
    return sorted({*_repeated(rules), *_contradicting(rules), *_dead(rules), *_untrue(rules)})


def _repeated(rules: Rules) -> list[Fault]:
    """A family key or a cue of one family that stands twice."""
    found = []
    keys: set[str] = set()
    for family in rules.families:
        if family.key in keys:
            found.append(Fault("repeated", family.key, "", "another family has this key"))
        keys.add(family.key)
        texts: set[str] = set()
        for cue in family.cues:
            if cue.text in texts:
                found.append(Fault("repeated", family.key, cue.text, "stands twice"))
            texts.add(cue.text)
    return found


def _contradicting(rules: Rules) -> list[Fault]:
    """The same cue as a finding of two levels, or as a finding and as good news."""
    holders: dict[str, list[Family]] = defaultdict(list)
    for family in rules.families:
        if family.role in (Role.FINDING, Role.EXPECTED):
            for cue in family.cues:
                holders[cue.text].append(family)
    found = []
    for text, families in holders.items():
        for other in families[1:]:
            first = families[0]
            same_category = first.category == other.category
            if first.role is not other.role or (
                same_category and first.level is not other.level and first.when == other.when
            ):
                found.append(Fault("contradicting", other.key, text, f"also in {first.key}"))
    return found


def _dead(rules: Rules) -> list[Fault]:
    """A cue that is not found in its own words, or that a figure of speech always hides."""
    found = []
    for family in rules.families:
        for cue in family.cues:
            scene = _written_out(cue, rules)
            if scene is None:
                continue
            own = [match for match in scene.matches if match.family.key == family.key]
            if not own:
                found.append(Fault("dead", family.key, cue.text, "does not find its own words"))
            elif family.role is Role.FINDING and all(_hidden(match, scene) for match in own):
                found.append(Fault("shadowed", family.key, cue.text, "a figure always hides it"))
    return found


def _written_out(cue: Cue, rules: Rules) -> Scene | None:
    """Return the simplest text a cue describes, laid out; None when a class has no plain word."""
    words = []
    for part in cue.parts:
        for element in part.elements:
            piece = element.atom.split("|")[0]
            if piece.startswith("{"):
                members = [word for word in rules.classes[piece[1:-1]] if "*" not in word]
                if not members:
                    return None
                piece = members[0]
            words.append(piece.rstrip("*"))
    return scene_of(" ".join(words), rules)


def _untrue(rules: Rules) -> list[Fault]:
    """An example a family does not find, or a near miss it does."""
    found = []
    for family in rules.families:
        if family.role is not Role.FINDING:
            continue
        for text in (*family.examples, *family.near_misses):
            scene = scene_of(text, rules)
            held = any(
                finding.dropped is None and finding.category == family.category
                for finding in findings_of(scene, Circumstances(hours_since_session=96.0))
            )
            if held is not (text in family.examples):
                kind = "example" if text in family.examples else "near miss"
                found.append(Fault(kind, family.key, text, "is read the other way"))
    return found


def _hidden(match: Match, scene: Scene) -> bool:
    return any(
        set(match.places) <= set(range(figure.first, figure.last + 1))
        for figure in scene.of(Role.FIGURE)
        if not figure.family.hides or match.family.category in figure.family.hides
    )
