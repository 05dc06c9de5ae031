"""The small language cues are written in, and how a cue is found among words.

numb                    the word itself
tingl*                  every word that begins so
numb|dead               either
{limb}                  any word of that class
the?                    may be absent
cant .. breathe         up to three other words between
cant ..5 breathe        up to five
{chest} & {pressure}    both in one phrase, in any order, up to six words apart
^ good $                at the beginning or end of a phrase
^^ stop $$              the whole reply
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

GAP = 3
TOGETHER = 6
MAX_GAP = 8
_ELEMENT = re.compile(r"[a-z0-9:'{}|*_]+\??")


class CueError(ValueError):
    """A cue is written in a way the reader does not know; says which and why."""


class Element(NamedTuple):
    """One place in a cue. `atom` is what a word must satisfy: "numb", "tingl*", "{limb}", "a|b"."""

    atom: str
    optional: bool
    gap: int
    """How many other words may come before it."""


class Part(NamedTuple):
    """Elements that follow one another; `opens`/`closes`: 1 the phrase's edge, 2 the reply's."""

    elements: tuple[Element, ...]
    opens: int = 0
    closes: int = 0


class Cue(NamedTuple):
    """One cue as written, ready to be looked for. `parts` may stand in any order."""

    text: str
    parts: tuple[Part, ...]


def parse(text: str) -> Cue:
    """Read one cue. Raises `CueError` for anything the language does not know."""
    parts = tuple(_part(text, piece.split()) for piece in text.split("&"))
    return Cue(text, parts)


def _part(text: str, pieces: Sequence[str]) -> Part:
    elements: list[Element] = []
    gap = opens = closes = 0
    for piece in pieces:
        if closes or (elements and piece in ("^", "^^")):
            raise CueError(f"{text!r}: {piece!r} stands in the wrong place")
        if piece in ("^", "^^"):
            opens = len(piece)
        elif piece in ("$", "$$"):
            closes = len(piece)
        elif piece.startswith(".."):
            gap = int(piece[2:] or GAP)
            if gap > MAX_GAP:
                raise CueError(f"{text!r}: a gap of more than {MAX_GAP} words")
        else:
            elements.append(_element(piece, gap))
            gap = 0
    if not elements or elements[0].optional or elements[-1].optional or gap:
        raise CueError(f"{text!r}: a part begins and ends with a fixed word, not in a gap")
    return Part(tuple(elements), opens, closes)


@cache
def _element(piece: str, gap: int) -> Element:
    if not _ELEMENT.fullmatch(piece):
        raise CueError(f"cannot read {piece!r}")
    return Element(piece.removesuffix("?"), piece.endswith("?"), gap)


@dataclass(frozen=True, slots=True)
class Placed:
    """What a cue is looked for in: what each word satisfies, and where it stands."""

    atoms: Sequence[frozenset[str]]
    clauses: Sequence[int]
    phrases: Sequence[int]


def match_cue(cue: Cue, at: int, lead: int, placed: Placed) -> tuple[int, ...] | None:
    """Return the places of the words that make `cue`, its part `lead` beginning at `at`."""
    places = match_part(cue.parts[lead], at, placed)
    if places is None:
        return None
    for index, part in enumerate(cue.parts):
        if index == lead:
            continue
        other = _nearby(part, places, placed)
        if other is None:
            return None
        places = tuple(sorted({*places, *other}))
    return places


def _nearby(part: Part, places: tuple[int, ...], placed: Placed) -> tuple[int, ...] | None:
    """Return the nearest place of `part` in the same phrase, not overlapping `places`."""
    first, last, phrase = places[0], places[-1], placed.phrases[places[0]]
    atom = part.elements[0].atom
    low, high = max(0, first - TOGETHER - 1), min(len(placed.atoms), last + TOGETHER + 2)
    candidates = sorted(range(low, high), key=lambda at: min(abs(at - first), abs(at - last)))
    for at in candidates:
        if placed.phrases[at] != phrase or at in places or atom not in placed.atoms[at]:
            continue
        found = match_part(part, at, placed)
        if found is not None and placed.phrases[found[-1]] == phrase:
            return found
    return None


def match_part(part: Part, at: int, placed: Placed) -> tuple[int, ...] | None:
    """Return the places of the words that make `part`, beginning at `at`; the earliest end wins.

    Walks all readings at once, one element after another, so that the work is bounded by
    elements x gap x words and no cue, however written, can make it explode.
    """
    elements, atoms, clauses = part.elements, placed.atoms, placed.clauses
    if elements[0].atom not in atoms[at]:
        return None
    if part.opens and not _opens(part.opens, at, placed):
        return None
    if len(elements) == 1:
        return (at,) if not part.closes or _closes(part.closes, at, placed) else None
    clause, length = clauses[at], len(atoms)
    readings: dict[int, tuple[int, ...]] = {at: (at,)}
    for element in elements[1:]:
        atom, reach = element.atom, element.gap + 2
        further: dict[int, tuple[int, ...]] = dict(readings) if element.optional else {}
        for end, places in readings.items():
            last = end + reach
            for place in range(end + 1, last if last < length else length):
                if clauses[place] != clause:
                    break
                if atom in atoms[place]:
                    # Two readings with one end match alike from here on, but for their words;
                    # the longer one has more of the cue.
                    known = further.get(place)
                    if known is None or len(known) <= len(places):
                        further[place] = (*places, place)
        readings = further
        if not readings:
            return None
    for end in sorted(readings, key=lambda end: (-len(readings[end]), end)):
        if not part.closes or _closes(part.closes, end, placed):
            return readings[end]
    return None


def _opens(edge: int, at: int, placed: Placed) -> bool:
    return at == 0 or (edge == 1 and placed.phrases[at] != placed.phrases[at - 1])


def _closes(edge: int, end: int, placed: Placed) -> bool:
    last = end == len(placed.atoms) - 1
    return last or (edge == 1 and placed.phrases[end] != placed.phrases[end + 1])
