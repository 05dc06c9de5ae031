"""An answer given on a page: a number, ticked signs and words, of which nothing may be lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from service.domain.triage.answers import answer_for
from service.domain.triage.levels import highest, pain_findings
from service.domain.triage.readings import Answer, Circumstances, Finding, Reading
from service.domain.triage.signs import SIGN_FINDINGS
from service.domain.values import Level

SIGNS = tuple(SIGN_FINDINGS)
"""The letters that can be ticked."""
NO_SIGNS = "N"

_ASKS_BACK = (Answer.CLARIFY, Answer.CLARIFY_SIGNS)


@dataclass(frozen=True)
class PageAnswer:
    """What a patient chose and wrote; `asked` is False where there was only a free box."""

    score: int | None = None
    """0-10, or None when no button was pressed."""
    signs: tuple[str, ...] = ()
    """The ticked letters, A-D in order."""
    words: str = ""
    asked: bool = True

    @property
    def is_empty(self) -> bool:
        """Says nothing at all."""
        return self.score is None and not self.signs and not self.words.strip()

    @property
    def letters(self) -> tuple[str, ...]:
        """The answer to the signs: shown beside a chosen number, none ticked means N."""
        if self.signs or self.score is None or not self.asked:
            return self.signs
        return (NO_SIGNS,)

    def spoken(self) -> str:
        """What is read as a text would be; `with_ticks` adds the rest."""
        number = "" if self.score is None else f"{self.score}/10"
        return "\n".join(line for line in (number, self.words) if line)

    def as_text(self) -> str:
        """The answer as it is stored, and could have been texted: number, words, letters."""
        return "\n".join(line for line in (self.spoken(), ", ".join(self.letters)) if line)


def read_spoken(
    answer: PageAnswer,
    circumstances: Circumstances,
    read_reply: Callable[[str, Circumstances], Reading],
) -> Reading:
    """Read number and words as the text they would be; letters alone as that text is read."""
    if answer.spoken():
        return read_reply(answer.spoken(), circumstances)
    return read_reply(answer.as_text(), replace(circumstances, signs_open=True))


def with_ticks(spoken: Reading, answer: PageAnswer, circumstances: Circumstances) -> Reading:
    """Return the reading of a whole page from that of its spoken part.

    The level is the highest of all: a ticked A is an emergency whatever is written beside it. A
    page cannot ask back, so what was not understood goes to a person at once.
    """
    added = (
        *_of_score(answer, circumstances),
        *_of_signs(answer),
        *_of_what_a_page_cannot_ask(spoken, answer),
    )
    known = {(finding.category, finding.level, finding.cue) for finding in spoken.findings}
    findings = (*spoken.findings, *(f for f in added if (f.category, f.level, f.cue) not in known))
    level = highest((spoken.level, *(finding.level for finding in added)))
    categories = _categories(findings, spoken.categories)
    return replace(
        spoken,
        level=level,
        categories=categories,
        score=spoken.score if answer.score is None else answer.score,
        findings=findings,
        signs=answer.letters or spoken.signs,
        answer=_answer(spoken, answer, level, categories),
        no_answer=False,
    )


def _of_score(answer: PageAnswer, circumstances: Circumstances) -> Iterable[Finding]:
    if answer.score is None:
        return
    raised = pain_findings(
        answer.score,
        circumstances.hours_since_session,
        circumstances.baseline,
        circumstances.previous,
        bare=not answer.words.strip(),
        rules=circumstances.pain_rules,
    )
    for category, level in raised:
        yield Finding(category, level, "pain score", 0, len(f"{answer.score}/10"))


def _of_signs(answer: PageAnswer) -> Iterable[Finding]:
    end = len(answer.as_text())
    start = end - len(", ".join(answer.letters))
    for letter in answer.signs:
        yield Finding(*SIGN_FINDINGS[letter], f"letter {letter}", start, end)


def _of_what_a_page_cannot_ask(spoken: Reading, answer: PageAnswer) -> Iterable[Finding]:
    end = len(answer.spoken())
    if spoken.keyword == "help":
        # By text HELP asks how the texts work; whoever writes it on a page wants help.
        yield Finding("callback_request", Level.ROUTINE, "help on a page", 0, end)
    if spoken.answer in _ASKS_BACK and answer.score is None and not answer.signs:
        yield Finding("unclear", Level.ROUTINE, "cannot be asked back", 0, end)


def _categories(findings: Iterable[Finding], others: Iterable[str]) -> tuple[str, ...]:
    held = sorted((f for f in findings if f.dropped is None), key=lambda f: f.level.rank)
    named = (*(finding.category for finding in held), *others)
    return tuple(dict.fromkeys(category for category in named if category))


def _answer(
    spoken: Reading, answer: PageAnswer, level: Level, categories: tuple[str, ...]
) -> Answer:
    if spoken.keyword == "start" and level is Level.OK:
        return spoken.answer
    return answer_for(
        level,
        categories,
        opt_out=spoken.opt_out,
        bare_score=False,
        letters_answered=True,
        only_thanks=spoken.answer is Answer.THANKS,
        asked=answer.asked,
        clarified_before=True,
    )
