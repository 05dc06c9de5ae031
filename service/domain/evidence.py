"""A reply cut at what triage found in it, so that a screen can mark the words that decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from service.domain.values import Level


@dataclass(frozen=True)
class Piece:
    """A stretch of a reply. `found` names what it was taken for, and is empty for the rest.

    `dropped` says why what was found does not count (`denied`, `over`, …); None: it counts.
    """

    words: str
    found: tuple[str, ...] = ()
    dropped: str | None = None


def pieces_of(words: str, findings: Iterable[Mapping[str, Any]]) -> tuple[Piece, ...]:
    """Return all of `words` in order, cut where findings begin and end.

    Where findings overlap, one that counts goes before those that do not. What is as expected is
    not marked. Half characters, which no page can carry, become question marks.
    """
    words = words.encode("utf-8", "replace").decode()
    spans = [
        (max(0, one["start"]), min(len(words), one["end"]), one)
        for one in findings
        if one["level"] != Level.OK
    ]
    spans = [span for span in spans if span[0] < span[1]]
    cuts = sorted({0, len(words), *(at for start, end, _ in spans for at in (start, end))})
    pieces = []
    for start, end in pairwise(cuts):
        here = [one for begins, ends, one in spans if begins <= start and end <= ends]
        pieces.append(_piece(words[start:end], here))
    return _joined(pieces)


def _piece(words: str, here: list[Mapping[str, Any]]) -> Piece:
    counting = [one for one in here if one["dropped"] is None]
    found = tuple(dict.fromkeys(one["category"] for one in counting or here))
    dropped = here[0]["dropped"] if here and not counting else None
    return Piece(words, found, dropped)


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Put neighbours together that mean the same: "hand is numb" is one mark, not two."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and bool(last.found) == bool(piece.found) and last.dropped == piece.dropped:
            found = tuple(dict.fromkeys((*last.found, *piece.found)))
            joined[-1] = Piece(last.words + piece.words, found, last.dropped)
        else:
            joined.append(piece)
    return tuple(joined)
