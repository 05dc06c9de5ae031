"""Which words count as which: classes, beginnings, and the ways words are misspelt on phones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property

_RUN = re.compile(r"(.)\1{2,}")
_REMEMBERED = 50_000
_FUZZY_FROM = 6


class Lexicon:
    """Tells what a word satisfies: itself, its beginnings, alternatives and classes.

    Words are looked up as typed first; only a word that is not known is read as a slip, so that
    a correct word is never turned into another.
    """

    def __init__(
        self,
        classes: Mapping[str, Iterable[str]],
        atoms: Iterable[str],
        slips: Mapping[str, str],
        plain: Iterable[str],
        often_misspelt: Iterable[str],
    ) -> None:
        self._slips = slips
        self._words: dict[str, set[str]] = {}
        self._beginnings: dict[str, set[str]] = {}
        for atom in atoms:
            for spelt in _members(atom, classes):
                member = slips.get(spelt, spelt)
                if member.endswith("*"):
                    self._beginnings.setdefault(member[:-1], set()).add(atom)
                else:
                    self._words.setdefault(member, set()).add(atom)
        self._lengths = tuple(sorted({len(beginning) for beginning in self._beginnings}))
        self._known = {*self._words, *plain, *slips.values()}
        # Only words listed for it are sought one slip away: in Spanish one letter is often a
        # different tense or person, and "despierta" must not become "despierte".
        self._by_deletion = _deletions(often_misspelt)
        self._remembered: dict[str, tuple[str, frozenset[str]]] = {}

    @cached_property
    def _by_sound(self) -> dict[str, str]:
        return {spanish_sound(word): word for word in sorted(self._words) if len(word) >= 4}

    @cached_property
    def _sounded_beginnings(self) -> dict[str, str]:
        return {spanish_sound(word): word for word in sorted(self._beginnings) if len(word) >= 4}

    def read(self, word: str) -> tuple[str, frozenset[str]]:
        """Return the word it is taken for, and all that it satisfies."""
        found = self._remembered.get(word)
        if found is None:
            taken = self._taken_for(word)
            found = (taken, self._satisfied(taken))
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[word] = found
        return found

    def _satisfied(self, word: str) -> frozenset[str]:
        atoms = set(self._words.get(word, ()))
        for length in self._lengths:
            if length > len(word):
                break
            atoms.update(self._beginnings.get(word[:length], ()))
        return frozenset(atoms)

    def _knows(self, word: str) -> bool:
        if word in self._known:
            return True
        return any(
            word[:length] in self._beginnings
            for length in self._lengths
            if 4 <= length <= len(word)
        )

    def _taken_for(self, word: str) -> str:
        word = self._slips.get(word, word)
        if self._knows(word) or len(word) > 40:
            return word
        for respelt in _respelt(word):
            candidate = self._slips.get(respelt, respelt)
            if self._knows(candidate):
                return candidate
        if len(word) >= 4:
            sounded = self._sounding_like(word)
            if sounded is not None:
                return sounded
        if len(word) >= _FUZZY_FROM:
            near = self._one_slip_away(word)
            if near is not None:
                return near
        return word

    def _sounding_like(self, word: str) -> str | None:
        for candidate in (word, *_respelt(word)):
            sound = spanish_sound(candidate)
            if sound in self._by_sound:
                return self._by_sound[sound]
            for length in range(len(sound), 3, -1):
                beginning = self._sounded_beginnings.get(sound[:length])
                if beginning is not None:
                    return beginning
        return None

    def _one_slip_away(self, word: str) -> str | None:
        """Return the one known word a single slip away with the same first letter, if any."""
        near = {
            known
            for key in (word, *_without_one(word))
            for known in self._by_deletion.get(key, ())
            if known[0] == word[0] and _within_one(word, known)
        }
        return min(near) if near else None


def _members(atom: str, classes: Mapping[str, Iterable[str]]) -> list[str]:
    members: list[str] = []
    for piece in atom.split("|"):
        if piece.startswith("{"):
            members.extend(classes[piece[1:-1]])
        else:
            members.append(piece)
    return members


def _respelt(word: str) -> list[str]:
    """Return what else a hurried spelling may stand for, likeliest first."""
    candidates = []
    twice = _RUN.sub(r"\1\1", word)
    once = _RUN.sub(r"\1", word)
    candidates += [spelling for spelling in (once, twice) if spelling != word]
    for spelling in candidates.copy() or [word]:
        if spelling.endswith("in"):
            candidates.append(spelling + "g")
        if spelling.endswith(("ao", "aos", "ios", "io")) and len(spelling) > 4:
            candidates.append(re.sub(r"(a|i)o(s?)$", r"\1do\2", spelling))
        if spelling.endswith("aa"):
            candidates.append(spelling[:-1] + "da")
    return candidates


_SOUNDS = (
    (re.compile(r"(?<!c)h"), ""),
    (re.compile(r"qu(?=[ei])|q|k|c(?=[^eih]|$)"), "k"),
    (re.compile(r"z|c(?=[ei])"), "s"),
    (re.compile(r"ss"), "s"),
    (re.compile(r"v|w"), "b"),
    (re.compile(r"ll|y(?=[aeou])"), "y"),
    (re.compile(r"gu?(?=[ei])"), "j"),
    (re.compile(r"m(?=[bp])|nn"), "n"),
    (re.compile(r"rr"), "r"),
    (re.compile(r"(?<=[aeiou])y$"), "i"),
)


def spanish_sound(word: str) -> str:
    """Return how a Spanish word sounds, so that `ormigeo`, `aser` and `kede` find their words."""
    for sound, letter in _SOUNDS:
        word = sound.sub(letter, word)
    return word


def _without_one(word: str) -> set[str]:
    return {word[:index] + word[index + 1 :] for index in range(len(word))}


def _deletions(words: Iterable[str]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for word in words:
        for key in (word, *_without_one(word)):
            table.setdefault(key, []).append(word)
    return table


def _within_one(left: str, right: str) -> bool:
    """Say whether one letter added, left out, changed or swapped turns one into the other."""
    if abs(len(left) - len(right)) > 1:
        return False
    same = 0
    while same < min(len(left), len(right)) and left[same] == right[same]:
        same += 1
    if len(left) == len(right):
        swapped = left[same : same + 2][::-1] == right[same : same + 2]
        return left[same + 1 :] == right[same + 1 :] or (
            swapped and left[same + 2 :] == right[same + 2 :]
        )
    shorter, longer = sorted((left, right), key=len)
    return shorter[same:] == longer[same + 1 :]
