"""Where one statement of a reply ends and the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.triage.normalise import STRONG, WEAK, Word

CONTRAST = frozenset(
    [
        "but",
        "however",
        "though",
        "although",
        "except",
        "tho",
        "yet",
        "pero",
        "aunque",
        "sino",
        "nomas",
        "nada_mas",
        "salvo",
    ]
)
"""A denial ends here (`clinical-protocol` C3)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """For each word: its sentence, its clause and its phrase, numbered from 0.

    A sentence ends at a full stop, a clause also at a contrast, a phrase also at a comma.
    """

    sentences: tuple[int, ...]
    clauses: tuple[int, ...]
    phrases: tuple[int, ...]


def layout_of(words: Sequence[Word]) -> Layout:
    """Return where each word stands."""
    sentences: list[int] = []
    clauses: list[int] = []
    phrases: list[int] = []
    sentence = clause = phrase = -1
    for index, word in enumerate(words):
        if word.mark == STRONG or index == 0:
            sentence, clause, phrase = sentence + 1, clause + 1, phrase + 1
        elif word.text in CONTRAST and not _closes(words, index):
            clause, phrase = clause + 1, phrase + 1
        elif word.mark == WEAK:
            phrase += 1
        sentences.append(sentence)
        clauses.append(clause)
        phrases.append(phrase)
    return Layout(tuple(sentences), tuple(clauses), tuple(phrases))


def _closes(words: Sequence[Word], index: int) -> bool:
    """Say whether the word turns nothing: a trailing "tho" only ends ("its numb tho")."""
    if words[index].text == "but":
        return words[index - 1].text == "nothing"  # "nothing but pain" turns nothing round
    if words[index].text not in ("tho", "though"):
        return False
    return index + 1 == len(words) or words[index + 1].mark > 0
