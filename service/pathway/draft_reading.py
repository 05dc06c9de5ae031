"""A draft of the protocol as an admin reads it: what can be changed, and what is changed so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.protocol.editions import Changes, base_of
from service.domain.schedule_words import due_in_words
from service.domain.values import Language
from service.domain.wording import load_texts
from service.pathway.drafting import Stand, content_in_use, stand_of
from service.store.clinics import Clinic

_PAIN_WORDS = {
    "severe_from": "A pain score is severe from",
    "worse_by": "Pain is worse from a rise of",
}


@dataclass(frozen=True)
class TipShown:
    """A tip that may be left out or moved; `due` and the bounds as the schedule writes them."""

    key: str
    is_sent: bool
    due: str
    usual: str
    earliest: str
    latest: str
    on_a_clock: bool
    """`due` is a clock time on the next day; otherwise hours after the session."""


@dataclass(frozen=True)
class PainShown:
    """A number that decides when a pain score asks for a call."""

    name: str
    words: str
    value: int
    usual: int
    least: int
    most: int


@dataclass(frozen=True)
class ChangeShown:
    """One change, in words beside what the files have; `language` of a text only."""

    key: str
    language: Language | None
    was: str
    becomes: str


@dataclass(frozen=True)
class DraftShown:
    """The page of a draft. Without one it shows what is in use, which a draft would begin with."""

    stand: Stand
    tips: tuple[TipShown, ...]
    pain: tuple[PainShown, ...]
    changes: tuple[ChangeShown, ...]
    one_language: tuple[str, ...]
    """Texts that are changed in one language only."""


@dataclass(frozen=True)
class EditionName:
    """How an edition is spoken of: `Version 1`, or the clinic's edition of it."""

    base: int
    number: int | None
    approved_by: str | None
    approved_at: datetime | None


def name_in_use(stand: Stand) -> EditionName:
    """Return how the version that new sessions get is spoken of."""
    edition = stand.in_use
    base = base_of(stand.version)
    if edition is None:
        return EditionName(base, None, None, None)
    number = edition.number if stand.version != base else None
    return EditionName(base, number, edition.approved_by, edition.approved_at)


def show_draft(db: Session, clinic: Clinic) -> DraftShown:
    """Return the clinic's draft, or what one would begin with."""
    stand = stand_of(db, clinic)
    content = stand.draft.content() if stand.draft else content_in_use(clinic)
    changes = content.changes
    return DraftShown(
        stand=stand,
        tips=_tips(changes),
        pain=_pain(changes),
        changes=tuple(_all(changes)),
        one_language=tuple(_in_one_language(changes)),
    )


def version_to_change(db: Session, clinic: Clinic) -> int:
    """Return the version that a change is made to: the draft's, or the one in use."""
    stand = stand_of(db, clinic)
    return stand.draft.version if stand.draft else stand.version


def _tips(changes: Changes) -> tuple[TipShown, ...]:
    return tuple(
        TipShown(
            key=step.key,
            is_sent=step.key not in changes.left_out,
            due=changes.due.get(step.key, step.due.written),
            usual=step.due.written,
            earliest=step.clinic_may.earliest,
            latest=step.clinic_may.latest,
            on_a_clock=step.due.next_day_at is not None,
        )
        for step in load_protocol(CURRENT_VERSION).steps
        if step.clinic_may is not None
    )


def _pain(changes: Changes) -> tuple[PainShown, ...]:
    pain = load_protocol(CURRENT_VERSION).pain
    return tuple(
        PainShown(
            name=name,
            words=_PAIN_WORDS[name],
            value=changes.pain.get(name, getattr(pain, name)),
            usual=getattr(pain, name),
            least=least,
            most=most,
        )
        for name, (least, most) in pain.clinic_may.items()
    )


def _all(changes: Changes) -> list[ChangeShown]:
    protocol, texts = load_protocol(CURRENT_VERSION), load_texts(CURRENT_VERSION)
    return [
        *(
            ChangeShown(key, None, due_in_words(protocol.step(key).due), "Not sent")
            for key in changes.left_out
        ),
        *(
            ChangeShown(
                key,
                None,
                due_in_words(protocol.step(key).due),
                due_in_words(protocol.step(key).due.moved_to(written)),
            )
            for key, written in changes.due.items()
        ),
        *(
            ChangeShown(_PAIN_WORDS[name], None, str(getattr(protocol.pain, name)), str(value))
            for name, value in changes.pain.items()
        ),
        *(
            ChangeShown(key, language, texts.get(key, language), text)
            for language, changed in changes.texts.items()
            for key, text in changed.items()
        ),
    ]


def _in_one_language(changes: Changes) -> list[str]:
    english, spanish = (changes.texts.get(language, {}) for language in Language)
    return sorted(english.keys() ^ spanish.keys())
