"""Numbers and addresses as people write them, and the words that start and stop texts."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

import phonenumbers
from email_validator import EmailNotValidError, validate_email


class ContactError(ValueError):
    """A number or address cannot be used; `field` names which, the message what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse_phone(text: str, region: str = "US") -> str:
    """Return the number in E.164; without a country code it is `region`'s.

    Raises `ContactError`, also for an extension: a text cannot be sent behind a switchboard.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ContactError("phone", "is not a phone number; write it like +1 281 555 0123")
    if number.extension:
        raise ContactError("phone", "has an extension; give a number without one")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def parse_email(text: str) -> str:
    """Return the address in its usual form, a foreign domain in ASCII; raises `ContactError`.

    Whether the mailbox exists is not asked: only the first mail can tell.
    """
    try:
        # Not every mail server takes letters outside ASCII before the @.
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ContactError("email", "is not an email address; write it like a@b.com") from error
    return found.ascii_email or found.normalized


class Keyword(StrEnum):
    """What a text that consists of one agreed word asks for."""

    STOP = "stop"
    HELP = "help"
    START = "start"


# `clinical-protocol` B. YES is no keyword: it answers a question and never re-opens a number (O7).
_STOP = frozenset(
    {"stop", "stopall", "stop all", "quit", "end", "revoke", "opt out", "optout", "cancel"}
    | {"unsubscribe", "alto", "parar", "pare", "cancelar", "basta", "no mas textos"}
)
_HELP = frozenset({"help", "info", "ayuda"})
_START = frozenset({"start", "unstop", "iniciar", "empezar"})

_POLITE = (
    ("por", "favor"),
    ("thank", "you"),
    ("please",),
    ("pls",),
    ("plz",),
    ("thanks",),
    ("thx",),
    ("ty",),
    ("porfavor",),
    ("gracias",),
)


def keyword(text: str) -> Keyword | None:
    """Return what a text asks for when it is one agreed word and nothing else (O3).

    Case, accents, punctuation, emoji, hidden characters and full-width letters do not matter, and
    politeness after a word that stops or starts does not either. After HELP it does: "help please"
    may be a cry for help, so it is read like any other reply. Longer wishes to be left alone are
    read by triage.
    """
    words = _words(text)
    plain = " ".join(words)
    if plain in _HELP:
        return None if _has_pictures(text) else Keyword.HELP
    asked = " ".join(_without_politeness(words))
    if asked in _STOP:
        return Keyword.STOP
    if asked in _START:
        return Keyword.START
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


def _without_politeness(words: list[str]) -> list[str]:
    for ending in _POLITE:
        if len(words) > len(ending) and tuple(words[-len(ending) :]) == ending:
            return _without_politeness(words[: -len(ending)])
    return words


def _has_pictures(text: str) -> bool:
    return any(unicodedata.category(character) == "So" for character in text)
