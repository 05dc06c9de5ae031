"""Which cues a reply contains, before anything is judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from service.domain.triage.clauses import Layout, layout_of
from service.domain.triage.normalise import Word, words_of
from service.domain.triage.patterns import Cue, Placed, match_cue
from service.domain.triage.rules import Family, Role, Rules


@dataclass(frozen=True, slots=True)
class Match:
    """A cue found: `places` are the numbers of the words that make it."""

    family: Family
    cue: Cue
    places: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.places[0]

    @property
    def last(self) -> int:
        return self.places[-1]


@dataclass(frozen=True)
class Scene:
    """A reply laid out: its words, what each satisfies, where they stand, what was found."""

    words: tuple[Word, ...]
    atoms: tuple[frozenset[str], ...]
    layout: Layout
    matches: tuple[Match, ...]

    def of(self, *roles: Role) -> list[Match]:
        """Return the matches with one of `roles`, in reading order."""
        return [match for match in self.matches if match.family.role in roles]

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
    return Scene(tuple(words), tuple(atoms), layout, _found(atoms, layout, rules))


def _found(atoms: list[frozenset[str]], layout: Layout, rules: Rules) -> tuple[Match, ...]:
    placed = Placed(atoms, layout.clauses, layout.phrases)
    found: dict[tuple[str, tuple[int, ...]], Match] = {}
    for at, satisfied in enumerate(atoms):
        for atom in satisfied:
            for candidate in rules.index.get(atom, ()):
                places = match_cue(candidate.cue, at, candidate.lead, placed)
                if places is None:
                    continue
                key = (candidate.family.key, places)
                known = found.get(key)
                # Sets have no order: the cue reported must not depend on it.
                if known is None or candidate.cue.text < known.cue.text:
                    found[key] = Match(candidate.family, candidate.cue, places)
    return tuple(sorted(found.values(), key=_reading_order))


def _reading_order(match: Match) -> tuple[int, int, str]:
    return match.first, match.last, match.family.key


def covered(matches: Iterable[Match]) -> set[int]:
    """Return the places of all words that take part in `matches`."""
    return {place for match in matches for place in match.places}
