"""What the patient gets back for a reading (`clinical-protocol` B)."""

from __future__ import annotations

from collections.abc import Collection

from service.domain.triage.readings import Answer
from service.domain.values import Level

_BY_CATEGORY = (
    ("wrong_number", Answer.WRONG_NUMBER),
    ("photo", Answer.PHOTO),
    ("question", Answer.QUESTION),
    ("medication", Answer.QUESTION),
    ("callback_request", Answer.ROUTINE),
    ("complaint", Answer.ROUTINE),
    ("other_person", Answer.OTHER_PERSON),
)


def answer_for(
    level: Level,
    categories: Collection[str],
    *,
    opt_out: bool,
    bare_score: bool,
    letters_answered: bool,
    only_thanks: bool,
    asked: bool,
    clarified_before: bool,
) -> Answer:
    """Name the text a reading is answered with.

    `bare_score`: a pain answer that holds no letters, so the signs are asked first. `asked`: a
    check-in or the signs text waited for this reply.
    """
    if opt_out:
        return _stop_answer(level, categories)
    if level is Level.EMERGENCY:
        return Answer.SELF_HARM if "self_harm" in categories else Answer.EMERGENCY
    if "safety_check" in categories:
        return Answer.SAFETY_CHECK
    if level is Level.URGENT:
        return Answer.URGENT
    if bare_score and not letters_answered:
        return Answer.SIGNS
    if level is Level.ROUTINE:
        return _routine_answer(categories, clarified_before)
    if only_thanks:
        return Answer.THANKS
    return Answer.OK if asked else Answer.NONE


def _stop_answer(level: Level, categories: Collection[str]) -> Answer:
    if level is Level.EMERGENCY:
        return Answer.STOP_SERIOUS
    return Answer.WRONG_NUMBER if "wrong_number" in categories else Answer.STOP


def _routine_answer(categories: Collection[str], clarified_before: bool) -> Answer:
    for category, answer in _BY_CATEGORY:
        if category in categories:
            return answer
    if "unclear" in categories and not clarified_before:
        return Answer.CLARIFY
    return Answer.ROUTINE
