"""How worrying the words of a reply are, by weights learnt from labelled replies.

Three sums over the same words: for `red` (emergency or urgent), for `emergency` and for `fine`.
They may raise what the cues left open and may say that a reply without any cue of worry is
fine; they never lower what a cue has found. A fourth table names the category of what is raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from service.domain.triage.clauses import CONTRAST
from service.domain.triage.cues import Scene
from service.domain.triage.weights import Weights

_DENIED_WORDS = 5
"""So many words after a "no" count as denied, up to the end of the statement."""
_APART = 4
_PIECE = 4
_PIECES_FROM, _PIECES_TO = 5, 30
_WORDS_READ = 120
"""A text is at most some 300 words long; the weights read its beginning and its end."""
_UNTOLD = frozenset(
    f"{{{name}}}"
    for name in (
        "light", "connector", "before_score", "after_score", "number", "pain_word",
        "negator_after", "self", "not_pain_unit", "past_score", "past_score_after",
        "opens_score", "origin", "often_misspelt", "function",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Worry:
    """What the words of one reply sum up to; 0 is the border, 100 is sure."""

    red: int
    emergency: int
    fine: int
    words: tuple[str, ...]
    """The words that weigh most towards red, for a person to see why."""
    features: AbstractSet[str]


def worry_of(scene: Scene, late: bool, weights: Weights) -> Worry:
    """Return the sums for a reply; `late` is 72 hours after the session and later."""
    red_sum, emergency_sum, fine_sum = weights.bias
    heard: list[tuple[int, str]] = []
    features = features_of(scene, late)
    for feature in weights.words.keys() & features:
        red, emergency, fine = weights.words[feature]
        red_sum += red
        emergency_sum += emergency
        fine_sum += fine
        if red > 0 and feature[0] not in "#{":
            heard.append((-red, feature))
    heard.sort()
    telling = tuple(feature for _, feature in heard[:3])
    return Worry(red_sum, emergency_sum, fine_sum, telling, features)


def category_of(worry: Worry, weights: Weights) -> str:
    """Return the category the words speak for most; "unclear" when for none."""
    votes: Counter[str] = Counter()
    for feature in weights.categories.keys() & worry.features:
        votes.update(weights.categories[feature])
    return max(sorted(votes), key=lambda name: votes[name], default="unclear")


def features_of(scene: Scene, late: bool) -> set[str]:
    """Return what is weighed: words (denied ones marked), their neighbours, classes, pieces."""
    words = [("0" if word.is_number else word.text) for word in scene.words]
    tells = ["{function}" not in atoms for atoms in scene.atoms]
    if len(words) > _WORDS_READ:
        half = _WORDS_READ // 2
        words, tells = words[:half] + words[-half:], tells[:half] + tells[-half:]
    features = _single(scene)
    features.update(_neighbours(words, tells))
    for word in set(words):
        features.update(_pieces(word))
    if late:
        features.add("96h")
        features.update([f"96h {word}" for word, tell in zip(words, tells, strict=True) if tell])
    return features


def _single(scene: Scene) -> set[str]:
    features: set[str] = set()
    denied, clause = 0, -1
    for place, word in enumerate(scene.words):
        if scene.layout.clauses[place] != clause or word.text in CONTRAST:
            denied, clause = 0, scene.layout.clauses[place]
        mark = "!" if denied else ""
        atoms = scene.atoms[place]
        if not word.is_number and "{function}" not in atoms:
            features.add(mark + word.text)
        if "{negator}" in atoms:
            mark, denied = "", _DENIED_WORDS
        elif denied:
            denied -= 1
        features.update([mark + name for name in _classes(atoms)])
    return features


@lru_cache(maxsize=8192)
def _classes(atoms: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        atom for atom in atoms if atom[0] == "{" and "|" not in atom and atom not in _UNTOLD
    )


def _neighbours(words: list[str], telling: list[bool]) -> Iterable[str]:
    """Return pairs and triples of words that stand together, and pairs nearly so."""
    edged = ["^", *words, "$"]
    tells = [False, *telling, False]
    found = []
    for at in range(len(edged) - 1):
        if tells[at] or tells[at + 1]:
            found.append(f"{edged[at]} {edged[at + 1]}")
        if any(tells[at : at + 3]) and at + 2 < len(edged):
            found.append(f"{edged[at]} {edged[at + 1]} {edged[at + 2]}")
        if tells[at]:
            found += [
                f"{edged[at]}~{edged[other]}"
                for other in range(at + 2, min(at + 2 + _APART, len(edged)))
                if tells[other]
            ]
    return found


@lru_cache(maxsize=8192)
def _pieces(word: str) -> Iterable[str]:
    """Parts of words, so that a misspelt or inflected word still tells something."""
    if not _PIECES_FROM <= len(word) <= _PIECES_TO:
        return ()
    edged = f"<{word}>"
    return [f"#{edged[at : at + _PIECE]}" for at in range(len(edged) - _PIECE + 1)]
