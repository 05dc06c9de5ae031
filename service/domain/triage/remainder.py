"""What a reply leaves open once its findings are known: the part nobody understood.

`ok` must be said, by a score or by words. What says nothing goes to a person, and what speaks of
the body without being understood goes there sooner: triage errs upward (`clinical-protocol` C5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.triage.clauses import CONTRAST
from service.domain.triage.cues import Scene, covered
from service.domain.triage.judge import OTHER_PERSON, denied, hypothetical, of_other_person
from service.domain.triage.normalise import MAX_CHARACTERS
from service.domain.triage.numbers import Score
from service.domain.triage.readings import Circumstances, Finding
from service.domain.triage.rules import Role, Rules
from service.domain.triage.worry import (
    EMERGENCY_FROM,
    ROUTINE_FROM,
    URGENT_FROM,
    most_worrying,
    worry_of,
)
from service.domain.values import Level

_TELLING = 6
"""A statement of so many words tells something."""
_TURNING = 5


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
    if not any(finding.dropped is None for finding in (*findings, *more)):
        said = (
            good
            or settled
            or bool(scene.of(Role.THANKS, Role.NO_ANSWER))
            or any(finding.dropped for finding in findings)
        )
        if not said:
            more.append(_not_understood(scene, circumstances, whole))
        elif not settled:
            more.extend(_half_understood(scene, score))
    together = (*findings, *more)
    return together if settled else (*together, *_worrying(together, scene, rules, whole))


def _worrying(
    findings: Sequence[Finding],
    scene: Scene,
    rules: Rules,
    whole: tuple[int, int],
) -> list[Finding]:
    """Raise what is unclear, or seems fine, by the weight of its words; never anything lower."""
    held = [finding for finding in findings if finding.dropped is None]
    unclear = any(finding.category == "unclear" for finding in held)
    if any(finding.level.rank < Level.ROUTINE.rank for finding in held) or (held and not unclear):
        return []
    level = _level_by_worry(scene, rules, unclear)
    if level is Level.OK:
        return []
    cue = f"worrying words: {most_worrying(scene, rules.weights)}"
    return [Finding("unclear", level, cue, *whole)]


def _level_by_worry(scene: Scene, rules: Rules, unclear: bool) -> Level:
    worry = worry_of(scene, rules.weights)
    if not unclear:
        return Level.ROUTINE if worry >= ROUTINE_FROM else Level.OK
    if worry < URGENT_FROM:
        return Level.OK
    emergency = worry_of(scene, rules.emergency_weights) >= EMERGENCY_FROM
    return Level.EMERGENCY if emergency else Level.URGENT


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


def _not_understood(scene: Scene, circumstances: Circumstances, whole: tuple[int, int]) -> Finding:
    bodily = any(_bodily(place, scene) for place in range(len(scene.words)))
    if circumstances.checkin_open and bodily and len(scene.words) >= _TELLING:
        return Finding("unclear", Level.URGENT, "about the body, not understood", *whole)
    return Finding("unclear", Level.ROUTINE, "nothing understood", *whole)


def _half_understood(scene: Scene, score: Score) -> list[Finding]:
    """A statement about the body, or after a "but", in which not one cue was found."""
    known = covered(scene.matches).union(score.places)
    for clause in dict.fromkeys(scene.layout.clauses):
        places = [place for place, other in enumerate(scene.layout.clauses) if other == clause]
        if known.intersection(places):
            continue
        turning = scene.words[places[0]].text in CONTRAST and len(places) >= _TURNING
        bodily = len(places) >= _TELLING and any(_bodily(place, scene) for place in places)
        if turning or bodily:
            start, end = scene.words[places[0]].start, scene.words[places[-1]].end
            return [Finding("unclear", Level.ROUTINE, "part not understood", start, end)]
    return []


def _bodily(place: int, scene: Scene) -> bool:
    return scene.satisfies(place, "body") or scene.satisfies(place, "symptom")
