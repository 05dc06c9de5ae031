"""The rules as a page a clinician can read and sign."""

from __future__ import annotations

from collections.abc import Iterable

from service.domain.triage.rules import Family, Role, Rules
from service.domain.values import Level

_SHOWN = 12
"""Cues shown for a family; the data files hold the rest."""
_ROLES = {
    Role.EXPECTED: "Good news and expected soreness (the only way to `ok` beside the score)",
    Role.WORRY: "Unclear by itself, never `ok`",
    Role.FIGURE: "Figures of speech: hide the findings inside them",
    Role.OVER_AFTER: "Says that what stands before it is over",
    Role.OVER_BEFORE: "Says that what stands after it is over",
    Role.STILL: "Says that it is not over after all",
    Role.EXCEPTION: "Takes a denial back",
    Role.AT_SESSION: "Dates a finding to the session itself",
    Role.HYPOTHETICAL: "What might come, not what is",
    Role.HISTORY: "Long ago or before the session",
    Role.OTHER: "Somebody else",
    Role.SPEAKER: "Somebody else writes for the patient",
    Role.REPORTER: "Somebody else saw it, the patient has it",
    Role.SCORE_NO: "Numbers that are no pain score",
    Role.OPT_OUT: "Asks for no more texts",
    Role.DOUBTFUL_OPT_OUT: "May ask for no more texts: paused, and a person decides",
    Role.THANKS: "Thanks",
    Role.NO_ANSWER: "Cannot answer now: the check-in stays open",
}


def plain_words(rules: Rules) -> str:
    """Return the rules as Markdown: findings by level, then what decides whether they count."""
    lines = [
        "# The triage rules in plain words",
        "",
        f"Rules version `{rules.version}`, made from the cue files by `plain_words`. Do not edit.",
        "",
        f"{len(rules.families)} families, {sum(len(each.cues) for each in rules.families)} cues."
        f" Each family shows its first {_SHOWN}.",
        "",
    ]
    for level in Level:
        lines += [f"## {level.value.capitalize()}", ""]
        lines += _families(
            family
            for family in rules.families
            if family.role is Role.FINDING and family.level is level
        )
    for role, title in _ROLES.items():
        lines += [f"## {title}", ""]
        lines += _families(family for family in rules.families if family.role is role)
    return "\n".join(lines).rstrip() + "\n"


def _families(families: Iterable[Family]) -> list[str]:
    lines = []
    for family in sorted(families, key=lambda family: (family.category, family.key)):
        lines.append(f"**{family.meaning}** (`{family.category or family.role.value}`, source "
                     f"{family.source}, `{family.key}`)")  # fmt: skip
        if family.when:
            lines.append(f"Counts in full only when: {family.when.replace('_', ' ')}.")
        shown = ", ".join(f"`{cue.text}`" for cue in family.cues[:_SHOWN])
        more = len(family.cues) - _SHOWN
        lines.append(shown + (f" and {more} more" if more > 0 else ""))
        lines.extend(f"- for example: {text}" for text in family.examples)
        lines.extend(f"- but not: {text}" for text in family.near_misses)
        lines.append("")
    return lines
