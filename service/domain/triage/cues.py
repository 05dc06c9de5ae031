"""Which cues a reply contains, before anything is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from service.domain.triage.clauses import Layout, layout_of
from service.domain.triage.normalise import Word, words_of
from service.domain.triage.patterns import Cue, Placed, match_cue
from service.domain.triage.rules import Candidate, Family, Role, Rules

_KEPT = 8
UNASKED = "unasked"
"""The `when` of a family that counts only in a text that answers no check-in."""


class Match(NamedTuple):
    """A cue found: `places` are the numbers of the words that make it."""

    family: Family
    cue: Cue
    places: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Scene:
    """A reply laid out: its words, what each satisfies, where they stand, what was found."""

    words: tuple[Word, ...]
    atoms: tuple[frozenset[str], ...]
    layout: Layout
    matches: tuple[Match, ...]
    crowded: bool = False
    """One family was found so often that not every place of it was kept."""

    def of(self, *roles: Role) -> list[Match]:
        """Return the matches with one of `roles`, in reading order."""
        if len(roles) == 1:
            return self._by_role.get(roles[0], [])
        return [match for match in self.matches if match.family.role in roles]

    @cached_property
    def _by_role(self) -> dict[Role, list[Match]]:
        table: dict[Role, list[Match]] = {}
        for match in self.matches:
            table.setdefault(match.family.role, []).append(match)
        return table

    def asked(self) -> Scene:
        """Return the scene of an answer, without the figures of speech of private news."""
        kept = tuple(match for match in self.matches if match.family.when != UNASKED)
        return self if len(kept) == len(self.matches) else replace(self, matches=kept)

    def satisfies(self, place: int, name: str) -> bool:
        """Say whether the word at `place` belongs to the class `name`."""
        return f"{{{name}}}" in self.atoms[place]


def scene_of(text: str, rules: Rules) -> Scene:
    """Return `text` laid out with every cue found in it."""
    typed = words_of(text, rules.emoji)
    words: list[Word] = []
    atoms: list[frozenset[str]] = []
    number = frozenset({"{number}"})
    for word in typed:
        taken, satisfied = rules.lexicon.read(word.text)
        if word.is_number:
            words.append(word)
            satisfied = satisfied | number
        else:
            words.append(Word(taken, word.start, word.end, word.mark, word.after))
        atoms.append(satisfied)
    layout = layout_of(words)
    found = _found(atoms, layout, rules)
    kept = _uncrowded(found)
    return Scene(tuple(words), tuple(atoms), layout, kept, len(kept) < len(found))


def _uncrowded(found: tuple[Match, ...]) -> tuple[Match, ...]:
    """Keep the first and the last few of each family, so that no text can make judging slow."""
    counts = Counter(match.family.key for match in found)
    seen: Counter[str] = Counter()
    kept = []
    for match in found:
        key = match.family.key
        seen[key] += 1
        if seen[key] <= _KEPT or seen[key] > counts[key] - _KEPT:
            kept.append(match)
    return tuple(kept)


def _found(atoms: list[frozenset[str]], layout: Layout, rules: Rules) -> tuple[Match, ...]:
    placed = Placed(atoms, layout.clauses, layout.phrases)
    found: dict[tuple[str, tuple[int, ...]], Match] = {}
    present: set[str] = set().union(*atoms)
    for candidate in _possible(present, rules):
        first = candidate.first
        for at, satisfied in enumerate(atoms):
            if first not in satisfied:
                continue
            places = match_cue(candidate.cue, at, candidate.lead, placed)
            if places is None:
                continue
            key = (candidate.family.key, places)
            known = found.get(key)
            # Sets have no order: the cue reported must not depend on it.
            if known is None or candidate.cue.text < known.cue.text:
                found[key] = Match(candidate.family, candidate.cue, places, places[0], places[-1])
    return tuple(sorted(found.values(), key=_reading_order))


def _possible(present: set[str], rules: Rules) -> list[Candidate]:
    """Return the cues whose every word is somewhere in the reply: a few of thousands."""
    return [
        candidate
        for atom in present & rules.index.keys()
        for needs, candidate in rules.index[atom]
        if needs <= present
    ]


def _reading_order(match: Match) -> tuple[int, int, str]:
    return match.first, match.last, match.family.key


def covered(matches: Iterable[Match]) -> set[int]:
    """Return the places of all words that take part in `matches`."""
    return {place for match in matches for place in match.places}
