"""Which passwords are taken: long ones that nobody would try first; no rules of composition."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SHORTEST = 12
LONGEST = 128
_COMMON = Path(__file__).parent / "data" / "common_passwords.txt"


def why_refused(password: str, about: Iterable[str] = ()) -> str | None:
    """Return what is wrong with a new password, or None.

    `about` is what others know of its owner: their name and email, the clinic's name.
    """
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. Four unrelated words are easy to remember."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    plain = _plain(password)
    if password.casefold() in _common() or plain in _common() or len(set(plain)) < 5:
        return "This password is one of the first that a stranger would try. Choose another."
    known = {_plain(word) for words in about for word in re.split(r"[\s@.]+", words)}
    rest = plain
    for word in sorted(known, key=len, reverse=True):
        rest = rest.replace(word, "") if len(word) >= 4 else rest
    if len(rest) < 6:
        return "This is little more than your name or the clinic's. Choose another."
    return None


def same_form(password: str) -> str:
    """Return the password as every keyboard and system types it (NFC)."""
    return unicodedata.normalize("NFC", password)


def _plain(text: str) -> str:
    """Return the letters and digits alone: signs around a common word do not hide it."""
    return re.sub(r"[\W_]+", "", text.casefold())


@cache
def _common() -> frozenset[str]:
    lines = _COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
