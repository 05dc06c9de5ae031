"""What the circumstances of a reply make of each finding: hours, region, health flags, thread."""

from __future__ import annotations

from dataclasses import replace

from service.domain.triage.cues import Match, Scene
from service.domain.triage.judge import OVER, verdicts
from service.domain.triage.levels import DAY_FOUR_FROM_HOURS, pain_findings
from service.domain.triage.readings import Circumstances, Finding
from service.domain.triage.rules import Role
from service.domain.values import Level

NOT_LATE = "expected before day 4"
AS_BEFORE = "as at the last answer"
FEW_DAYS = "expected in the first days"


def findings_of(scene: Scene, circumstances: Circumstances) -> tuple[Finding, ...]:
    """Return every finding of the reply, judged and seen in its circumstances."""
    matches = [
        match
        for match in scene.of(Role.FINDING, Role.WORRY)
        if match.family.when != "pregnant" or circumstances.pregnant
    ]
    reasons = verdicts(matches, scene, circumstances.guardian)
    found = [
        _finding(match, reason, scene, circumstances)
        for match, reason in zip(matches, reasons, strict=True)
    ]
    if circumstances.blood_thinner:
        found = [_raised_by_blood_thinner(finding) for finding in found]
    return tuple(found)


def _finding(
    match: Match, reason: str | None, scene: Scene, circumstances: Circumstances
) -> Finding:
    family = match.family
    level = family.level
    if reason == OVER and level is Level.EMERGENCY:
        # It happened since the session: a person must hear about it today (C3, "resolved").
        level, reason = Level.URGENT, None
    if reason is None:
        level, reason = _in_circumstances(family.when, level, circumstances)
    if reason is None and _sore_chest_muscle(match, scene, circumstances):
        level = Level.URGENT
    return Finding(
        category=family.category,
        level=level,
        cue=match.cue.text,
        start=scene.words[match.first].start,
        end=scene.words[match.last].end,
        dropped=reason,
    )


def _in_circumstances(
    when: str, level: Level, circumstances: Circumstances
) -> tuple[Level, str | None]:
    hours = circumstances.hours_since_session
    late = hours is not None and hours >= DAY_FOUR_FROM_HOURS
    match when:
        case "late" | "same":
            if when == "same" and late and circumstances.previous is not None:
                return _as_score(circumstances.previous, circumstances)
            if hours is None:
                return Level.ROUTINE, None
            return (level, None) if late else (level, NOT_LATE)
        case "same_as_before":
            if circumstances.baseline is not None and late:
                return _as_score(circumstances.baseline, circumstances)
            return (level, None) if late else (level, NOT_LATE)
        case "late_routine":
            return (Level.ROUTINE, None) if late else (level, NOT_LATE)
        case "early_ok":
            return (level, None) if late else (level, FEW_DAYS)
        case "chest_adjacent":
            near = circumstances.chest_adjacent and not late
            return (level, None) if near else (Level.ROUTINE, None)
        case _:
            return level, None


def _as_score(score: int, circumstances: Circumstances) -> tuple[Level, str | None]:
    """ "same" after day 3 stands for the earlier score (C4, "words only")."""
    raised = pain_findings(
        score,
        circumstances.hours_since_session,
        circumstances.baseline,
        circumstances.previous,
        rules=circumstances.pain_rules,
    )
    if not raised:
        return Level.OK, AS_BEFORE
    return min((level for _, level in raised), key=lambda level: level.rank), None


def _sore_chest_muscle(match: Match, scene: Scene, circumstances: Circumstances) -> bool:
    """Soreness where the chest itself was needled is urgent, not an emergency (C2)."""
    if match.family.category != "chest_pain" or "chest" not in circumstances.regions:
        return False
    return any(scene.satisfies(place, "sore") for place in match.places) and any(
        scene.satisfies(place, "needled") for place in range(len(scene.words))
    )


def _raised_by_blood_thinner(finding: Finding) -> Finding:
    """Any bleeding that holds is at least urgent (C2, R13)."""
    if finding.category != "bleeding" or finding.dropped is not None:
        return finding
    if finding.level.rank <= Level.URGENT.rank:
        return finding
    return replace(finding, level=Level.URGENT)
