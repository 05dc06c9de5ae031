"""How worrying the words of a reply are when no cue understood it.

A weight says how much more often a word, a pair of words or a class of words stands in labelled
replies that are emergencies or urgent than in others. The sum may raise what is not understood;
it never lowers anything, and it decides nothing that a cue has decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from math import log

from service.domain.triage.cues import Scene

EMERGENCY_FROM = 2.5
URGENT_FROM = 1.0
"""Chosen on the labelled replies; `docs/triage.md` says what it finds and what it costs."""
ROUTINE_FROM = 2.0
"""What seems fine and weighs so much is looked at."""
_SEEN = 3
_KEPT_FROM = 0.3
_UNTOLD = ("{light}", "{connector}", "{before_score}", "{after_score}", "{number}")
_DAMPING, _GROWTH = 3, 0.6
"""A long reply holds more of everything: its sum is divided by its length, not quite wholly."""


def worry_of(scene: Scene, weights: Mapping[str, float]) -> float:
    """Return how worrying the words are: 0 when they say nothing, above 1 when they do."""
    found = [weights[feature] for feature in features_of(scene) if feature in weights]
    return float(sum(found) / (len(found) + _DAMPING) ** _GROWTH)


def most_worrying(scene: Scene, weights: Mapping[str, float]) -> str:
    """Return the words that weigh most, for a person to see why."""
    heard = [
        (weights[feature], feature)
        for feature in features_of(scene)
        if weights.get(feature, 0.0) > 0 and not feature.startswith("{")
    ]
    return ", ".join(feature for _, feature in sorted(heard, reverse=True)[:3])


def features_of(scene: Scene) -> frozenset[str]:
    """Return the words, pairs of words and classes of words of a reply."""
    words = [word.text for word in scene.words if not word.is_number]
    pairs = (f"{first} {second}" for first, second in pairwise(words))
    classes = (
        atom
        for satisfied in scene.atoms
        for atom in satisfied
        if atom.startswith("{") and "|" not in atom and atom not in _UNTOLD
    )
    return frozenset((*words, *pairs, *classes))


def weigh(replies: Iterable[tuple[Scene, bool]]) -> dict[str, float]:
    """Make the weights from replies laid out, each with whether it is what is weighed for."""
    red: Counter[str] = Counter()
    other: Counter[str] = Counter()
    reds = others = 0
    for scene, is_red in replies:
        if is_red:
            reds += 1
            red.update(features_of(scene))
        else:
            others += 1
            other.update(features_of(scene))
    weights = {
        feature: round(
            log((red[feature] + 0.5) / (reds + 1)) - log((other[feature] + 0.5) / (others + 1)), 2
        )
        for feature in red.keys() | other.keys()
        if red[feature] + other[feature] >= _SEEN
    }
    return {
        feature: weight for feature, weight in sorted(weights.items()) if abs(weight) >= _KEPT_FROM
    }
