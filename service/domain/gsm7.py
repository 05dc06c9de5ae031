"""The alphabet of text messages (GSM 03.38): what fits it, how it counts, what stands in for more.

One character outside the alphabet would cut a text from 160 characters to 70: none is ever sent.
"""

from __future__ import annotations

import re
import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""One septet each. The alphabet's 128th place is the escape to the extension."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""Two septets each: the escape, then the character."""

ALPHABET = BASIC | EXTENSION

SINGLE = 160
"""Septets in a text that goes out in one piece."""

PART = 153
"""Septets in each segment of a longer text; the rest of the segment says how they join."""

_FOLDS = str.maketrans("áíóúÁÍÓÚ", "aiouAIOU")
_OUTSIDE = re.compile(f"[^{re.escape(''.join(sorted(ALPHABET)))}]")
_DOUBLED = re.compile(f"[{re.escape(''.join(sorted(EXTENSION)))}]")
_SPACES = re.compile(r"\s+")

_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•·∙", "-"),
        "…": "...",
        "™": None,
        "®": None,
        "©": None,
    }
)


class OutsideAlphabet(ValueError):
    """A text holds characters that a text message cannot carry."""

    def __init__(self, characters: str) -> None:
        super().__init__(f"a text message cannot carry {characters}")
        self.characters = characters


def fold_for_sms(text: str) -> str:
    """Take the accent off á í ó ú, which the alphabet lacks; ñ é ü ¿ ¡ are in it and stay."""
    return text.translate(_FOLDS)


def characters_outside(text: str) -> str:
    """Return each character of `text` that is not in the alphabet, once, in order."""
    return "".join(dict.fromkeys(_OUTSIDE.findall(text)))


def cleaned_for_sms(text: str) -> str:
    """Return `text` on one line and within the alphabet, as near to what was written as can be.

    For names and words that people typed: curly quotes and dashes are straightened, letters lose
    accents that the alphabet lacks, and what has no likeness (emoji, other scripts) is left out.
    """
    if _OUTSIDE.search(text):
        # Composed first: an n and a loose tilde are one ñ, and año must never become ano.
        text = fold_for_sms(unicodedata.normalize("NFC", text))
        text = "".join(_nearest(character) for character in text)
    return _SPACES.sub(" ", text).strip()


def septets(text: str) -> int:
    """Count what `text` takes in septets; raises `OutsideAlphabet`."""
    outside = characters_outside(text)
    if outside:
        raise OutsideAlphabet(outside)
    return len(text) + len(_DOUBLED.findall(text))


def segments(text: str) -> int:
    """Count the messages a carrier bills for `text`; raises `OutsideAlphabet`."""
    total = septets(text)
    if total <= SINGLE:
        return 1
    if total == len(text):
        return -(-total // PART)
    return _segments_with_escapes(text)


def _segments_with_escapes(text: str) -> int:
    count, used = 1, 0
    for character in text:
        size = 2 if character in EXTENSION else 1
        # An escape is never parted from its character: it moves to the next segment with it.
        if used + size > PART:
            count, used = count + 1, 0
        used += size
    return count


def _nearest(character: str) -> str:
    if character in ALPHABET:
        return character
    likeness = character.translate(_LOOKALIKES)
    if likeness == character:
        likeness = unicodedata.normalize("NFKD", character)
    return "".join(part for part in likeness if part in ALPHABET)
