"""The reading of a reply, one visible step after another; never raises."""

from __future__ import annotations

import re

from service.domain.triage import signs as lettered
from service.domain.triage.answers import answer_for
from service.domain.triage.context import findings_of
from service.domain.triage.cues import Scene, scene_of
from service.domain.triage.denial import denied
from service.domain.triage.judge import hypothetical
from service.domain.triage.keywords import keyword_of
from service.domain.triage.levels import highest, pain_findings
from service.domain.triage.number_words import NUMBER_WORDS
from service.domain.triage.numbers import Score, score_of
from service.domain.triage.readings import Answer, Circumstances, Finding, Keyword, Reading
from service.domain.triage.remainder import WORRYING, with_remainder
from service.domain.triage.rules import Role, Rules, load_rules
from service.domain.values import Level

UNREAD = "unread"
"""The rules version of a reading made without rules, because reading failed."""


_SENTENCE_ENDS = re.compile(r"[.!?\n](?=\s+\S)")
_MOST_SENTENCES = 6


def read_reply(text: str, circumstances: Circumstances, rules: Rules | None = None) -> Reading:
    """Read one reply. Whatever happens, the answer is a reading; a failure goes to a person."""
    try:
        return _read(text, circumstances, rules or load_rules())
    except Exception:  # A reply that breaks the reader must still reach a person.
        return _unreadable(rules.version if rules else UNREAD)


def _read(text: str, circumstances: Circumstances, rules: Rules) -> Reading:
    scene = scene_of(text, rules)
    if circumstances.checkin_open or circumstances.signs_open:
        scene = scene.asked()
    keyword = keyword_of(text)
    if keyword in ("help", "start"):
        return _steering(keyword, rules.version)
    letters = lettered.letters_of(scene.words) if circumstances.signs_open else ()
    opt_out, doubtful = _opt_out(scene, keyword)
    score = Score() if letters else score_of(text, scene, circumstances.checkin_open)
    findings = (
        *findings_of(scene, circumstances),
        *_score_findings(score, scene, circumstances),
        *_lettered_findings(letters, text),
        *_asked_back(scene, circumstances, text),
    )
    findings = with_remainder(
        findings,
        scene,
        score,
        circumstances,
        text,
        rules,
        settled=bool(letters) or opt_out,
    )
    findings = (*findings, *_said_before(findings, text, circumstances, rules))
    held = [finding for finding in findings if finding.dropped is None]
    level = highest(finding.level for finding in held)
    categories = _categories(held)
    waiting = bool(scene.of(Role.NO_ANSWER)) and level is Level.OK and score.value is None
    return Reading(
        level=level,
        categories=categories,
        score=score.value,
        opt_out=opt_out,
        findings=findings,
        signs=letters,
        answer=_answer(level, categories, scene, score, letters, opt_out, waiting, circumstances),
        rules_version=rules.version,
        keyword=keyword,
        doubtful_opt_out=doubtful,
        no_answer=waiting,
    )


def _said_before(
    findings: tuple[Finding, ...], text: str, circumstances: Circumstances, rules: Rules
) -> tuple[Finding, ...]:
    """Return the worry that made a reply without its last sentence an emergency.

    Beside an urgent finding the words of the whole weigh less than they did before it: one more
    complaint must not take back what those before it were.
    """
    held = {finding.level for finding in findings if finding.dropped is None}
    ends = [match.start() for match in _SENTENCE_ENDS.finditer(text)]
    if Level.EMERGENCY in held or Level.URGENT not in held or not 0 < len(ends) <= _MOST_SENTENCES:
        return ()
    before = _read(text[: ends[-1]], circumstances, rules)
    return tuple(
        finding
        for finding in before.findings
        if finding.dropped is None
        and finding.level is Level.EMERGENCY
        and finding.cue.startswith(WORRYING)
    )


def _opt_out(scene: Scene, keyword: Keyword | None) -> tuple[bool, bool]:
    """Return whether the patient asks for no more texts, and whether that is only likely."""
    if keyword == "stop":
        return True, False
    asked = [
        match
        for match in scene.of(Role.OPT_OUT)
        if denied(match, scene) is None and hypothetical(match, scene) is None
    ]
    figures = scene.of(Role.FIGURE)
    asked = [
        match
        for match in asked
        if not any(
            ("opt_out" in figure.family.hides and figure.first <= match.last <= figure.last)
            or ("opt_out" in figure.family.hides and match.first <= figure.last <= match.last)
            for figure in figures
        )
    ]
    return bool(asked), not asked and bool(scene.of(Role.DOUBTFUL_OPT_OUT))


def _score_findings(
    score: Score, scene: Scene, circumstances: Circumstances
) -> tuple[Finding, ...]:
    if score.beyond:
        raised: tuple[tuple[str, Level], ...] = (("severe_pain", Level.URGENT),)
    elif score.value is not None:
        raised = pain_findings(
            score.value,
            circumstances.hours_since_session,
            circumstances.baseline,
            circumstances.previous,
            bare=_wordless(scene),
            rules=circumstances.pain_rules,
        )
    else:
        return ()
    word = scene.words[score.places[0]]
    return tuple(
        Finding(category, level, "pain score", word.start, word.end) for category, level in raised
    )


def _lettered_findings(letters: tuple[str, ...], text: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(*lettered.SIGN_FINDINGS[letter], f"letter {letter}", 0, len(text))
        for letter in letters
        if letter in lettered.SIGN_FINDINGS
    )


def _asked_back(scene: Scene, circumstances: Circumstances, text: str) -> tuple[Finding, ...]:
    """YES or NO to the safety check; a bare yes to the signs names none of them."""
    if circumstances.safety_check_open and lettered.is_yes(scene.words):
        return (Finding("breathing", Level.EMERGENCY, "yes to safety check", 0, len(text)),)
    if circumstances.safety_check_open and lettered.is_no(scene.words):
        # Only staff may close what the check was sent for.
        return (Finding("safety_check_no", Level.ROUTINE, "no to safety check", 0, len(text)),)
    if circumstances.signs_open and lettered.is_yes(scene.words):
        return (Finding("clarify_signs", Level.ROUTINE, "yes to signs", 0, len(text)),)
    return ()


def _categories(held: list[Finding]) -> tuple[str, ...]:
    ordered = sorted(held, key=lambda finding: finding.level.rank)
    return tuple(dict.fromkeys(finding.category for finding in ordered if finding.category))


def _answer(
    level: Level,
    categories: tuple[str, ...],
    scene: Scene,
    score: Score,
    letters: tuple[str, ...],
    opt_out: bool,
    waiting: bool,
    circumstances: Circumstances,
) -> Answer:
    if waiting:
        return Answer.NONE
    if "clarify_signs" in categories and level is Level.ROUTINE:
        return Answer.CLARIFY_SIGNS
    if level is Level.OK and circumstances.checkin_open and _signs_only(scene) and not letters:
        return Answer.CLARIFY  # a thumbs-up is good news, but no answer to "0 to 10"
    thanks = bool(scene.of(Role.THANKS)) and score.value is None and not scene.of(Role.EXPECTED)
    return answer_for(
        level,
        categories,
        opt_out=opt_out,
        bare_score=score.value is not None and _wordless(scene),
        letters_answered=bool(letters),
        only_thanks=thanks,
        asked=circumstances.checkin_open or circumstances.signs_open,
        clarified_before=circumstances.clarified_before,
    )


def _wordless(scene: Scene) -> bool:
    """Say whether a reply is numbers only, in digits or in words."""
    return all(word.is_number or word.text in NUMBER_WORDS for word in scene.words)


def _signs_only(scene: Scene) -> bool:
    """Say whether a reply holds emoji and nothing else."""
    return bool(scene.words) and all(scene.satisfies(p, "emoji") for p in range(len(scene.words)))


def _steering(keyword: Keyword, version: str) -> Reading:
    return Reading(
        level=Level.OK,
        categories=(),
        score=None,
        opt_out=False,
        findings=(),
        signs=(),
        answer=Answer.HELP if keyword == "help" else Answer.START,
        rules_version=version,
        keyword=keyword,
    )


def _unreadable(version: str) -> Reading:
    finding = Finding("unclear", Level.ROUTINE, "could not be read", 0, 0)
    return Reading(
        level=Level.ROUTINE,
        categories=("unclear",),
        score=None,
        opt_out=False,
        findings=(finding,),
        signs=(),
        answer=Answer.ROUTINE,
        rules_version=version,
    )
