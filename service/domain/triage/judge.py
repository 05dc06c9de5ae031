"""Whether a finding holds now, or why it does not (`clinical-protocol` C3).

Each question is one function that returns a reason or None; `verdict` asks them in order. An
emergency needs stronger evidence to be set aside than anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.triage.cues import Match, Scene
from service.domain.triage.denial import denied, negative
from service.domain.triage.rules import Role
from service.domain.values import Level

OVER = "over"
OVER_AT_SESSION = "over at the session"
HYPOTHETICAL = "hypothetical"
OTHER_PERSON = "other person"
HISTORY = "history"
FIGURE = "figure of speech"

_COMPARING = frozenset({"worsening", "not_improving"})
_OVER_REACH = 16


def verdicts(matches: Sequence[Match], scene: Scene, guardian: bool) -> list[str | None]:
    """Return for each match why it does not count now, or None when it does.

    Cues of one category that share words say one thing, so what sets one aside sets all aside.
    """
    own = [_reason(match, scene, guardian, _owned(match, matches)) for match in matches]
    return [reason or _shared_reason(index, matches, own) for index, reason in enumerate(own)]


def _owned(match: Match, matches: Sequence[Match]) -> frozenset[int]:
    """Return the words of all cues that say the same with this one: their "no" denies nothing."""
    return frozenset(
        place
        for other in matches
        if other.family.category == match.family.category
        and not set(other.places).isdisjoint(match.places)
        for place in other.places
    )


def _shared_reason(
    index: int, matches: Sequence[Match], reasons: Sequence[str | None]
) -> str | None:
    match = matches[index]
    for other, reason in zip(matches, reasons, strict=True):
        if (
            reason not in (None, FIGURE)
            and other.family.category == match.family.category
            and not set(other.places).isdisjoint(match.places)
        ):
            return reason
    return None


def _reason(match: Match, scene: Scene, guardian: bool, owned: frozenset[int]) -> str | None:
    return (
        figure_of_speech(match, scene)
        or denied(match, scene, owned)
        or hypothetical(match, scene)
        or of_other_person(match, scene, guardian)
        or history(match, scene)
        or over(match, scene)
    )


def figure_of_speech(match: Match, scene: Scene) -> str | None:
    """Another sense of the words: "chest day", "killing me" beside a laugh."""
    own = set(match.places)
    for figure in scene.of(Role.FIGURE):
        hides = figure.family.hides
        if (
            (not hides or match.family.category in hides)
            and _within(own, figure)
            and not _figure_denied(figure, own, scene)
        ):
            return FIGURE
    return None


def _within(own: set[int], figure: Match) -> bool:
    """Say whether a figure speaks of a finding; one with more words of its own says more."""
    span = range(figure.first, figure.last + 1)
    return own.issubset(span) or (len(own) <= len(figure.places) and not own.isdisjoint(span))


def _figure_denied(figure: Match, own: set[int], scene: Scene) -> bool:
    """ "no respiro bien": the good news itself is denied, by a word of the finding."""
    before = figure.first - 1
    return before in own and before not in figure.places and negative(before, scene)


def hypothetical(match: Match, scene: Scene) -> str | None:
    """ "what if it gets red": said of what might come, not of what is."""
    if match.family.level is Level.ROUTINE and match.family.role is not Role.WORRY:
        return None  # the question itself is asked
    for cue in scene.of(Role.HYPOTHETICAL):
        same = scene.layout.clauses[cue.last] == scene.layout.clauses[match.first]
        if same and cue.first <= match.first <= cue.last + 6 and match.first - cue.last <= 6:
            return HYPOTHETICAL
    return None


def of_other_person(match: Match, scene: Scene, guardian: bool) -> str | None:
    """Somebody else has it: "my son has a fever". Who only reports it, or writes, has not."""
    if scene.of(Role.SPEAKER) or match.family.level is Level.ROUTINE:
        return None
    reporters = {place for cue in scene.of(Role.REPORTER) for place in cue.places}
    for other in scene.of(Role.OTHER):
        if other.last in reporters or other.first in reporters or _object(other, scene):
            continue
        if guardian and any(scene.satisfies(place, "child") for place in other.places):
            continue
        if _belongs_to(match, other, scene):
            return OTHER_PERSON
    return None


def _object(other: Match, scene: Scene) -> bool:
    """ "told my wife", "like a mother": mentioned, but not whom the sentence is about."""
    before = other.first - 1
    return before >= 0 and scene.satisfies(before, "object_before")


def _belongs_to(match: Match, other: Match, scene: Scene) -> bool:
    layout = scene.layout
    if other.last >= match.first:
        return False
    if layout.clauses[other.last] != layout.clauses[match.first]:
        pronoun = next(
            (p for p in range(other.last + 1, match.first)
             if layout.clauses[p] == layout.clauses[match.first]),
            match.first,
        )  # fmt: skip
        near = layout.clauses[match.first] - layout.clauses[other.last] == 1
        if not (near and scene.satisfies(pronoun, "pronoun")):
            return False
        start = pronoun
    else:
        start = other.last
    between = range(start + 1, match.last + 1)
    return not any(scene.satisfies(place, "self") for place in between)


def history(match: Match, scene: Scene) -> str | None:
    """Long ago or before the session, and nothing says that it holds now.

    A comparison needs its "before" ("more pain than before"), so it is never history.
    """
    if match.family.category in _COMPARING:
        return None
    clause = scene.layout.clauses[match.first]
    for cue in scene.of(Role.HISTORY):
        if scene.layout.clauses[cue.first] == clause and not _still(match, scene, clause):
            return HISTORY
    return None


def _still(match: Match, scene: Scene, clause: int) -> bool:
    own = set(match.places)
    return any(
        scene.layout.clauses[cue.first] == clause
        and not own.issuperset(cue.places)
        and not _undone(cue, scene)
        for cue in scene.of(Role.STILL)
    )


def over(match: Match, scene: Scene) -> str | None:
    """It was, and is said to be over; "came back" and the like keep it."""
    if match.family.category == "self_harm":
        return None
    layout = scene.layout
    clause = layout.clauses[match.first]
    for cue in scene.of(Role.OVER_BEFORE):
        near = (
            0 < match.first - cue.last <= 4
            and layout.phrases[cue.last] == layout.phrases[match.first]
        )
        if near and not set(cue.places) & set(match.places) and not _undone(cue, scene):
            return OVER
    if match.family.level is not Level.EMERGENCY and _left_behind(match, scene):
        return OVER_AT_SESSION
    for cue in scene.of(Role.OVER_AFTER):
        if not (cue.first > match.first and cue.last > match.last):
            continue
        if match.family.category == "collapse" and not _recovered(cue, scene):
            continue
        if cue.first - match.last > _OVER_REACH or layout.clauses[cue.first] - clause > 2:
            continue
        if _about_something_else(match, cue, scene) or _undone(cue, scene):
            continue
        if any(
            _still(match, scene, later) for later in range(clause, layout.clauses[cue.last] + 1)
        ):
            continue
        at_session = any(
            layout.sentences[moment.first] == layout.sentences[match.first]
            for moment in scene.of(Role.AT_SESSION)
        )
        return OVER_AT_SESSION if at_session else OVER
    return None


def _recovered(cue: Match, scene: Scene) -> bool:
    """Every faint is soon over; only "ok now" says that its cause may be."""
    return any(scene.satisfies(place, "recovered") for place in cue.places)


def _left_behind(match: Match, scene: Scene) -> bool:
    """ "some tingling that first night. 2": dated to the session, and the rest is good news."""
    sentences = scene.layout.sentences
    if match.family.category in _COMPARING:
        return False  # "all as on the first day" compares with the session, and is of today
    dated = any(sentences[m.first] == sentences[match.first] for m in scene.of(Role.AT_SESSION))
    well = any(
        not set(news.places) & set(match.places)
        for news in scene.of(Role.EXPECTED)
        if news.family.category == "better" and denied(news, scene) is None
    )
    goes_on = any(
        sentences[still.first] == sentences[match.first]
        and not set(still.places) & set(match.places)
        for still in scene.of(Role.STILL)
    )
    return dated and well and not goes_on


def _about_something_else(match: Match, cue: Match, scene: Scene) -> bool:
    """ "hand is numb, the soreness is gone": what is gone has its own name."""
    between = range(match.last + 1, cue.first)
    phrases = scene.layout.phrases
    own_phrase = [place for place in between if phrases[place] == phrases[cue.first]]
    if phrases[match.last] == phrases[cue.first]:
        return any(scene.satisfies(place, "pain") for place in between)
    named = ("pain", "body", "person_subject")
    return any(scene.satisfies(place, word) for place in own_phrase for word in named)


def _undone(cue: Match, scene: Scene) -> bool:
    """ "won't quit", "hasn't stopped": the end is denied itself."""
    return any(
        (scene.satisfies(place, "negator") or scene.satisfies(place, "unable"))
        and place not in cue.places
        for place in range(max(0, cue.first - 2), cue.first)
    )
