"""How a reply as typed becomes words: one case, no accents, each word knowing its characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

MAX_CHARACTERS = 2_000
"""A text is at most 1,600 characters; a longer reply is read this far and goes to a person."""

STRONG, WEAK = 2, 1
_REPEATS = 3


class Word(NamedTuple):
    """One word, number or emoji of a reply.

    `mark` is the strongest punctuation between this word and the one before it: 0 none, `WEAK`
    a comma or dash, `STRONG` a full stop, question mark or new line. `after` is what follows it.
    `start` and `end` count characters of the reply as received.
    """

    text: str
    start: int
    end: int
    mark: int
    after: str
    is_number: bool = False


_APOSTROPHES = "'’‘`´ʼ＇"
_PIECE = re.compile(
    r"(?P<without>\bw/o\b)"
    r"|(?P<number>\d+(?:[.,:/-]\d+)*)"
    rf"|(?P<word>[a-z]+(?:[{_APOSTROPHES}][a-z]+)*)"
    r"|(?P<strong>[.!?;\n\r…¿¡]+)"
    r"|(?P<weak>[,:()\[\]\"“”—–/|*~-]+)"
    r"|(?P<percent>%)"
    r"|(?P<other>[^\s])"
)
_APOSTROPHE = re.compile(f"[{_APOSTROPHES}]")
_CONTRACTED = {f"we{apostrophe}re": "weare" for apostrophe in _APOSTROPHES}
"""Without its apostrophe it would be another word."""
_INVISIBLE = dict.fromkeys(
    [0xFE0F, 0xFE0E, 0x20E3, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x0000]
)


def words_of(text: str, emoji: Mapping[str, str]) -> tuple[Word, ...]:
    """Return the words of `text` in order; `emoji` gives the word a sign stands for."""
    folded, positions = fold(text[:MAX_CHARACTERS])
    words: list[Word] = []
    mark = STRONG
    for match in _PIECE.finditer(folded):
        kind, piece = match.lastgroup, match.group()
        if kind in ("strong", "weak"):
            if words:
                last = words[-1]
                words[-1] = Word(
                    last.text, last.start, last.end, last.mark, last.after + piece, last.is_number
                )
            mark = max(mark, STRONG if kind == "strong" else WEAK)
            continue
        if kind == "other":
            known = emoji.get(piece)
            if known is None:
                continue
            piece = known
        elif kind == "word":
            piece = _CONTRACTED.get(piece) or _APOSTROPHE.sub("", piece)
        elif kind == "without":
            piece = "without"
        elif kind == "percent":
            piece = "percent"
        if words and words[-1].text == piece and _repeated(piece, words):
            continue  # a fourth "no" or smile in a row says no more than the third
        start, end = positions(match.start()), positions(match.end() - 1) + 1
        words.append(Word(piece, start, end, mark, "", kind == "number"))
        mark = 0
    return tuple(words)


def _repeated(piece: str, words: list[Word]) -> bool:
    return [word.text for word in words[-_REPEATS:]] == [piece] * _REPEATS


def fold(text: str) -> tuple[str, Callable[[int], int]]:
    """Return `text` in lower case without accents, and the way back to its own positions."""
    if text.isascii():
        return text.lower(), _same_position
    pieces: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(text):
        piece = _folded(character)
        pieces.append(piece)
        origin.extend([index] * len(piece))
    return "".join(pieces), origin.__getitem__


def _same_position(position: int) -> int:
    return position


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    if ord(character) in _INVISIBLE:
        return ""
    plain = unicodedata.normalize("NFKD", character)
    return "".join(part for part in plain if not unicodedata.combining(part)).lower()
