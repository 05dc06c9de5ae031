"""The words that steer texting itself: STOP, HELP, START, as a whole message."""

from __future__ import annotations

import unicodedata

from service.domain.triage.readings import Keyword

# `clinical-protocol` B. YES is no keyword: it answers a question and never re-opens a number (O7).
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
    {
        "please", "pls", "plz", "thanks", "thank", "you", "thx", "ty", "gracias", "por", "favor",
        "porfa", "porfavor", "now", "ya",
    }
)  # fmt: skip


def keyword_of(text: str) -> Keyword | None:
    """Return what a text asks for when it is one agreed word and nothing else (O3).

    Case, accents, punctuation, emoji, hidden characters and full-width letters do not matter, and
    politeness around a word that stops or starts does not either. Around HELP it does: "help
    please" may be a cry for help, so it is read like any other reply. Longer wishes to be left
    alone are read by triage; this reader needs no rules, and so also works when triage fails.
    """
    words = _words(text)
    plain = " ".join(words)
    if plain in _HELP:
        return None if _has_pictures(text) else "help"
    bare = " ".join(word for word in words if word not in _POLITE)
    if plain in _STOP or bare in _STOP:
        return "stop"
    if plain in _START or bare in _START:
        return "start"
    return None


def _words(text: str) -> list[str]:
    """Return the words of a text in plain small letters; a word spelled out (S.T.O.P.) is one."""
    letters = []
    for character in unicodedata.normalize("NFKD", text).casefold():
        if character.isalnum():
            letters.append(character)
        elif unicodedata.category(character) not in ("Mn", "Me", "Cf"):
            letters.append(" ")
    words = "".join(letters).split()
    spelled_out = len(words) > 1 and all(len(word) == 1 for word in words)
    return ["".join(words)] if spelled_out else words


def _has_pictures(text: str) -> bool:
    return any(unicodedata.category(character) == "So" for character in text)
