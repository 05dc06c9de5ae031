"""The words that steer texting itself: STOP, HELP, START, as a whole message."""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.triage.normalise import Word
from service.domain.triage.readings import Keyword

_STOP = frozenset(
    {
        "stop", "stopall", "stop all", "quit", "end", "revoke", "opt out", "optout", "cancel",
        "unsubscribe", "alto", "parar", "pare", "cancelar", "basta", "no mas textos",
        "no mas mensajes",
    }
)  # fmt: skip
_HELP = frozenset({"help", "info", "ayuda"})
_START = frozenset({"start", "unstop", "iniciar", "empezar"})
_POLITE = frozenset(
    [
        "please",
        "pls",
        "plz",
        "thanks",
        "thank",
        "you",
        "thx",
        "ty",
        "gracias",
        "por",
        "favor",
        "porfa",
        "porfavor",
        "now",
        "ya",
    ]
)


def keyword_of(words: Sequence[Word]) -> Keyword | None:
    """Return the keyword a whole message is, politeness and spacing aside."""
    typed = [word.text for word in words]
    if len(typed) > 1 and all(len(word) == 1 for word in typed):
        typed = ["".join(typed)]  # "s t o p"
    plain = " ".join(typed)
    bare = " ".join(word for word in typed if word not in _POLITE)
    if plain in _STOP or bare in _STOP:
        return "stop"
    if plain in _HELP:
        return "help"
    if plain in _START or bare in _START:
        return "start"
    return None
