"""The protocol as an admin reads it: the schedule, every wording, and what a change would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.gsm7 import OutsideAlphabet, fold_for_sms, segments, septets
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.protocol.model import PlannedWhen, Step
from service.domain.schedule_words import due_in_words, hours_in_words, use_in_words
from service.domain.slots import LONGEST, fill, slots_in
from service.domain.values import Language
from service.domain.wording import check_wording, load_texts
from service.pathway.drafting import version_in_use
from service.store.clinics import Clinic

LONGEST_TRIED = 1_000
"""Characters of a wording that is looked at; two segments hold far fewer."""

_GROUPS = (
    ("Answers to replies", "routine"),
    ("To staff", "notice_emergency"),
)
"""Where, after what the schedule sends, another part of the texts begins: the file's own order."""


@dataclass(frozen=True)
class StepShown:
    """One row of the schedule; the rest is in words, its conditions as the protocol has them."""

    key: str
    kind: str
    sent_by: str
    due: str
    following: str | None
    """The step after which it comes, instead of the session."""
    hours: str
    use: str
    sent_when: str
    texts: tuple[tuple[str, str], ...]
    """The form that asks for it (`usual` or another) and the text's key."""
    cancelled_by: tuple[str, ...]


@dataclass(frozen=True)
class ScheduleShown:
    """The schedule and its limits."""

    steps: tuple[StepShown, ...]
    texts_a_day: tuple[int, ...]
    regions: tuple[str, ...]


@dataclass(frozen=True)
class WordingShown:
    """A text in one language: as patients read it, and what it takes at most.

    `words` has the clinic's own name and number; what differs by patient stands in [brackets].
    """

    key: str
    language: Language
    words: str
    septets: int
    segments: int


@dataclass(frozen=True)
class Tried:
    """A changed wording: what it would take at most, and what keeps it from being used."""

    text: str
    septets: int | None
    segments: int | None
    problems: tuple[str, ...]


def show_schedule(version: int) -> ScheduleShown:
    """Return the schedule of a version: the steps that it sends."""
    protocol = load_protocol(version)
    return ScheduleShown(
        steps=tuple(
            _step(step) for step in protocol.steps if step.planned is not PlannedWhen.NEVER
        ),
        texts_a_day=protocol.limits.texts_a_day,
        regions=tuple(protocol.regions),
    )


def show_wordings(clinic: Clinic) -> dict[str, list[tuple[WordingShown, ...]]]:
    """Return every text in each language, by what it is for, in the order of the protocol."""
    texts = load_texts(version_in_use(clinic))
    begins = {key: title for title, key in _GROUPS}
    title, found = "What the schedule sends", dict[str, list[tuple[WordingShown, ...]]]()
    for key in texts.by_language[Language.EN]:
        title = begins.get(key, title)
        found.setdefault(title, []).append(show_wording(clinic, key))
    return found


def show_wording(clinic: Clinic, key: str) -> tuple[WordingShown, ...]:
    """Return one text in each language, as new sessions get it; raises `UnknownText`."""
    texts = load_texts(version_in_use(clinic))
    return tuple(_wording(clinic, key, language, texts.get(key, language)) for language in Language)


def wording_to_change(version: int, key: str, language: Language) -> str:
    """Return a text of a version with its `{slots}`; raises `UnknownText`."""
    return load_texts(version).get(key, language)


def try_wording(clinic: Clinic, key: str, language: Language, text: str) -> Tried:
    """Judge a changed wording; nothing is stored. Raises `UnknownText`."""
    text = text.strip()
    problems = tuple(check_wording(load_texts(CURRENT_VERSION), key, language, text))
    taken = _at_most(clinic, language, text)
    try:
        return Tried(text, septets(taken), segments(taken), problems)
    except OutsideAlphabet:
        return Tried(text, None, None, problems)


def _step(step: Step) -> StepShown:
    return StepShown(
        key=step.key,
        kind=step.kind.value,
        sent_by=step.sent_by.value,
        due=due_in_words(step.due),
        following=step.due.following,
        hours=hours_in_words(step),
        use=use_in_words(step.useful_until),
        sent_when=step.sent_when.value,
        texts=(
            ("usual", step.wording.usual),
            *((form.value, key) for form, key in step.wording.forms.items()),
        ),
        cancelled_by=step.cancelled_by,
    )


def _wording(clinic: Clinic, key: str, language: Language, text: str) -> WordingShown:
    taken = _at_most(clinic, language, text)
    own = {"clinic": clinic.name, "phone": clinic.phone or "[phone]"}
    blanks = {name: f"[{name}]" for name in slots_in(text)}
    return WordingShown(key, language, fill(text, blanks | own), septets(taken), segments(taken))


def _at_most(clinic: Clinic, language: Language, text: str) -> str:
    """The text with the clinic's own name and number, and the longest value in each other slot."""
    longest: Mapping[str, int] = LONGEST[language]
    # A slot that there is not is a problem of its own; here it counts as it stands.
    slots = {name: "x" * longest.get(name, len(name) + 2) for name in slots_in(text)}
    slots |= {"clinic": fold_for_sms(clinic.name)}
    if clinic.phone:
        slots |= {"phone": clinic.phone}
    return fill(fold_for_sms(text), slots)
