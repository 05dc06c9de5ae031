"""The lettered answer to the signs text, and YES or NO to the safety check."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.triage.normalise import Word
from service.domain.values import Level

SIGN_FINDINGS = {
    "A": ("breathing", Level.EMERGENCY),
    "B": ("nerve", Level.URGENT),
    "C": ("infection", Level.URGENT),
    "D": ("spasm", Level.URGENT),
}
_JOINING = frozenset({"and", "y", "e", "n", "plus"})
_NONE = frozenset({"n", "no", "none", "nope", "nada", "ninguno", "ninguna", "nothing", "nah"})
_YES = frozenset({"yes", "si", "yeah", "yep", "yup", "ya", "sip", "simon", "s", "yea"})
_FILLER = frozenset({"just", "only", "solo", "de", "las", "la", "the", "letter", "letra", "both"})


def letters_of(words: Sequence[Word]) -> tuple[str, ...]:
    """Return the letters when the whole message is letters; ("N",) for none; else empty.

    "a little sore" is not A: any other word makes it no lettered answer.
    """
    texts = [word.text for word in words if word.text not in _FILLER]
    if not texts:
        return ()
    if len(texts) <= 3 and all(text in _NONE or text in ("of", "them") for text in texts):
        return ("N",) if any(text in _NONE for text in texts) else ()
    letters: list[str] = []
    for text in texts:
        upper = text.upper()
        if upper in SIGN_FINDINGS:
            letters.append(upper)
        elif set(upper) <= set(SIGN_FINDINGS) and list(text) == sorted(set(text)):
            letters.extend(upper)  # "ac" is A and C; "bad" and "dad" are words
        elif text not in _JOINING:
            return ()
    return tuple(dict.fromkeys(letters))


def is_yes(words: Sequence[Word]) -> bool:
    """Say whether a reply is a plain yes."""
    return bool(words) and words[0].text in _YES and len(words) <= 3


def is_no(words: Sequence[Word]) -> bool:
    """Say whether a reply is a plain no."""
    return bool(words) and words[0].text in _NONE and len(words) <= 3
