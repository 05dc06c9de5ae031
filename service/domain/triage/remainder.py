"""What a reply leaves open once its findings are known: the part nobody understood.

`ok` must be said, by a score or by words. What says nothing goes to a person, and what speaks of
the body without being understood goes there sooner: triage errs upward (`clinical-protocol` C5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.triage.clauses import CONTRAST
from service.domain.triage.cues import Scene, covered
from service.domain.triage.denial import denied
from service.domain.triage.judge import FIGURE, OTHER_PERSON, hypothetical, of_other_person
from service.domain.triage.levels import DAY_FOUR_FROM_HOURS
from service.domain.triage.normalise import MAX_CHARACTERS
from service.domain.triage.numbers import Score
from service.domain.triage.readings import Circumstances, Finding
from service.domain.triage.rules import Role, Rules
from service.domain.triage.worry import Worry, category_of, worry_of
from service.domain.values import Level

WORRYING = "worrying words: "
"""How the cue of a finding begins that words alone have raised."""
_TELLING = 6
"""A statement of so many words tells something."""
_TURNING = 5

# Borders on the sums of `worry`, chosen on files of authors left out of the learning one at a
# time; `docs/triage.md` says what they find and what they cost.
_RED = {"nothing": 10, "part": 10, "said": 75, "other": 30, "unasked": 60, "figure": 100}
"""From here on a reply is urgent, by what was understood of it."""
_EMERGENCY = {
    "nothing": -30, "part": -20, "said": 30, "other": 0, "unasked": 60, "figure": 100,
}  # fmt: skip
"""A reply that is urgent by its words alone is an emergency from here on."""
_EMERGENCY_BESIDE = -10
"""The same beside a finding that is urgent."""
_EMERGENCIES = frozenset(
    ["breathing", "chest_pain", "collapse", "stroke", "allergic", "cauda_equina", "self_harm"]
)
_LOOK = 20
"""What seems fine and weighs so much is looked at."""
_FINE = {"nothing": 40, "part": 10, "unasked": 40}
_NEVER = 1_000_000
_UNWORRIED = -40
"""What no cue understood is fine when it weighs so much towards fine and so little to red."""


def with_remainder(
    findings: tuple[Finding, ...],
    scene: Scene,
    score: Score,
    circumstances: Circumstances,
    text: str,
    rules: Rules,
    *,
    settled: bool,
) -> tuple[Finding, ...]:
    """Return `findings` and what they leave open. `settled`: letters or an opt-out were given."""
    whole = (0, len(text))
    more: list[Finding] = []
    if circumstances.has_media:
        more.append(Finding("photo", Level.ROUTINE, "picture or recording", *whole))
    if len(text) > MAX_CHARACTERS:
        more.append(Finding("unclear", Level.ROUTINE, "too long to read whole", *whole))
    if scene.crowded:
        more.append(Finding("unclear", Level.ROUTINE, "too crowded to read whole", *whole))
    good = score.value is not None or _says_well(scene, circumstances)
    more.extend(_about_others(findings, good))
    if settled:
        return (*findings, *more)
    held = [finding for finding in (*findings, *more) if finding.dropped is None]
    if any(finding.level is Level.EMERGENCY for finding in held):
        return (*findings, *more)
    hours = circumstances.hours_since_session
    worry = worry_of(scene, hours is not None and hours >= DAY_FOUR_FROM_HOURS, rules.weights)
    if any(finding.level is Level.URGENT for finding in held):
        more.extend(_emergency_beside(held, worry, rules, whole))
        return (*findings, *more)
    understood = "other"
    if not held:
        understood, part = _understood(
            scene, score, findings, good, asked=circumstances.checkin_open
        )
        # A number that is no score may be one after all ("took 2 advil"): a person reads it.
        counted = score.value is None and any(word.is_number for word in scene.words)
        well = worry.red <= _UNWORRIED and not counted
        more.extend(_left_open(understood, part, worry, well, whole))
    if not held and circumstances.checkin_open and _asks(scene):
        more.append(Finding("question", Level.ROUTINE, "ends in a question", *whole))
    more.extend(_worrying(understood, worry, rules, whole))
    return (*findings, *more)


def _understood(
    scene: Scene, score: Score, findings: Sequence[Finding], good: bool, *, asked: bool
) -> tuple[str, tuple[int, int]]:
    """Return how much of a reply without findings was understood, and the part that was not.

    A figure of speech in a text that nobody asked for has used up its worrying words.
    """
    if not (asked or good) and any(finding.dropped == FIGURE for finding in findings):
        return "figure", (0, 0)
    said = (
        good
        or bool(scene.of(Role.THANKS, Role.NO_ANSWER))
        or any(finding.dropped for finding in findings)
    )
    if not said:
        return ("nothing" if asked else "unasked"), (0, 0)
    part = _half_understood(scene, score)
    return ("part", part) if part else ("said", (0, 0))


def _asks(scene: Scene) -> bool:
    """Say whether the reply ends in one question mark; two are a cry."""
    return bool(scene.words) and scene.words[-1].after.count("?") == 1


def _left_open(
    understood: str, part: tuple[int, int], worry: Worry, well: bool, whole: tuple[int, int]
) -> list[Finding]:
    if understood == "said" or (well and worry.fine >= _FINE.get(understood, _NEVER)):
        return []
    if understood == "part":
        return [Finding("unclear", Level.ROUTINE, "part not understood", *part)]
    return [Finding("unclear", Level.ROUTINE, "nothing understood", *whole)]


def _worrying(understood: str, worry: Worry, rules: Rules, whole: tuple[int, int]) -> list[Finding]:
    """Raise what the cues left open, or only half saw, by the weight of its words."""
    cue = f"{WORRYING}{', '.join(worry.words)}"
    emergency = worry.emergency >= _EMERGENCY[understood]
    if worry.red >= _RED[understood] or (emergency and worry.red >= _LOOK):
        level = Level.EMERGENCY if emergency else Level.URGENT
        return [Finding(category_of(worry, rules.weights), level, cue, *whole)]
    if understood == "said" and worry.red >= _LOOK:
        return [Finding("unclear", Level.ROUTINE, cue, *whole)]
    return []


def _emergency_beside(
    held: Sequence[Finding], worry: Worry, rules: Rules, whole: tuple[int, int]
) -> list[Finding]:
    """An urgent finding whose reply speaks, as a whole, of an emergency that no cue judged."""
    judged = any(finding.category in _EMERGENCIES for finding in held)
    if judged or worry.emergency < _EMERGENCY_BESIDE:
        return []
    cue = f"{WORRYING}{', '.join(worry.words)}"
    return [Finding(category_of(worry, rules.weights), Level.EMERGENCY, cue, *whole)]


def _says_well(scene: Scene, circumstances: Circumstances) -> bool:
    return any(
        not (match.family.category == "better" and denied(match, scene))
        and of_other_person(match, scene, circumstances.guardian) is None
        and hypothetical(match, scene) is None
        for match in scene.of(Role.EXPECTED)
    )


def _about_others(findings: Sequence[Finding], good: bool) -> list[Finding]:
    """Another person's trouble is for a person to read, unless the patient's own news is good."""
    others = [finding for finding in findings if finding.dropped == OTHER_PERSON]
    if not others or (good and all(each.level is not Level.EMERGENCY for each in others)):
        return []
    return [replace(others[0], category="other_person", level=Level.ROUTINE, dropped=None)]


def _half_understood(scene: Scene, score: Score) -> tuple[int, int] | None:
    """Return a statement about the body, or after a "but", in which not one cue was found."""
    known = covered(scene.matches).union(score.places)
    for clause in dict.fromkeys(scene.layout.clauses):
        places = [place for place, other in enumerate(scene.layout.clauses) if other == clause]
        if known.intersection(places):
            continue
        turning = scene.words[places[0]].text in CONTRAST and len(places) >= _TURNING
        bodily = len(places) >= _TELLING and any(_of_body(place, scene) for place in places)
        if turning or bodily:
            return scene.words[places[0]].start, scene.words[places[-1]].end
    return None


def _of_body(place: int, scene: Scene) -> bool:
    return scene.satisfies(place, "body") or scene.satisfies(place, "symptom")
