"""The words of triage: what is known around a reply, what was found in it, what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from service.domain.values import USUAL_PAIN_RULES, Language, Level, PainRules


class Answer(StrEnum):
    """What the patient should get back (`clinical-protocol` B); the values name its texts."""

    OK = "ok"
    ROUTINE = "routine"
    URGENT = "urgent"
    EMERGENCY = "emergency"
    SELF_HARM = "self_harm"
    QUESTION = "question"
    SAFETY_CHECK = "safety_check"
    CLARIFY = "clarify"
    CLARIFY_SIGNS = "clarify_signs"
    SIGNS = "signs"
    """A pain answer without letters: ask the A-D signs before anything else."""
    HELP = "help"
    STOP = "stop"
    STOP_SERIOUS = "stop_serious"
    START = "start"
    WRONG_NUMBER = "wrong_number"
    OTHER_PERSON = "other_person"
    PHOTO = "photo"
    THANKS = "thanks"
    NONE = "none"


Keyword = Literal["stop", "help", "start"]


@dataclass(frozen=True)
class Circumstances:
    """What is known around a reply when it arrives."""

    language: Language | None = None
    """A hint only: every reply is read in both languages."""
    hours_since_session: float | None = None
    baseline: int | None = None
    """Pain before the session, 0-10."""
    previous: int | None = None
    """The last earlier answer for the same session, 0-10."""
    checkin_open: bool = False
    """With no open check-in a number needs a pain word."""
    signs_open: bool = False
    """The last question was the A-D signs text."""
    safety_check_open: bool = False
    guardian: bool = False
    blood_thinner: bool = False
    pregnant: bool = False
    chest_adjacent: bool = False
    regions: tuple[str, ...] = ()
    has_media: bool = False
    clarified_before: bool = False
    """An unclear reply was already asked about once."""
    pain_rules: PainRules = USUAL_PAIN_RULES
    """Those of the protocol that the session was put on."""


@dataclass(frozen=True)
class Finding:
    """One thing the reply says, with the characters that say it.

    `start` and `end` count characters of the reply as received. `dropped` names why the finding
    does not hold now (`denied`, `over`, `hypothetical`, `other person`, `history`, `minimised`),
    or is None when it does.
    """

    category: str
    level: Level
    cue: str
    start: int
    end: int
    dropped: str | None = None


@dataclass(frozen=True)
class Reading:
    """What a reply comes to. `categories` are those that hold; `findings` also keeps the rest."""

    level: Level
    categories: tuple[str, ...]
    score: int | None
    opt_out: bool
    findings: tuple[Finding, ...]
    signs: tuple[str, ...]
    """Letters A-D the patient chose; ("N",) for none of them; empty when not answered."""
    answer: Answer
    rules_version: str
    keyword: Keyword | None = None
    doubtful_opt_out: bool = False
    """May be a wish to stop: pause automated texts and let a person decide (`reliability` O4)."""
    no_answer: bool = False
    """An auto-reply or "can't talk now": the check-in stays open."""
