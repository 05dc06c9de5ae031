"""What stands against guessing: every try counts first, and a browser we know counts alone."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from uuid import UUID

from sqlalchemy.orm import Session

from service.store.accounts import Account, email_hashes
from service.store.secrets import vault_of
from service.store.sign_ins import count_try, forget_tries, forgive_try

_FREE_OF_ACCOUNT, _FREE_OF_PLACE, _FREE_REQUESTS = 5, 30, 3
"""Tries that cost no wait. A whole clinic may sit behind one address."""


@dataclass(frozen=True)
class Visitor:
    """Where a try comes from: a network address, and the mark of a browser we may know."""

    address: str
    device: str | None = None


@dataclass(frozen=True)
class TooMany:
    """Nothing was tried: there were too many failures just now."""

    seconds: int


class Guess(StrEnum):
    """What is guessed at by somebody who has shown something of an account's already."""

    CODE = "code"
    PASSWORD = "own password"  # noqa: S105  # what is guessed at, not one


Keys = list[tuple[bytes, int]]
"""What a try counts against, with the failures that each takes without a wait."""


def keys_of_sign_in(db: Session, email: str, account: Account | None, visitor: Visitor) -> Keys:
    """Return what a password counts against.

    A browser in which this account signed in before has a count of its own: strangers who guess
    cannot keep its owner out.
    """
    if account and visitor.device and is_known(db, account.id, visitor.device):
        return [(_key(db, "device", visitor.device), _FREE_OF_ACCOUNT)]
    return [
        (email_hashes(db, email)[0], _FREE_OF_ACCOUNT),
        (_key(db, "place", visitor.address), _FREE_OF_PLACE),
    ]


def count(db: Session, keys: Keys, now: datetime) -> TooMany | None:
    """Count a try before it is judged; None when it may be made."""
    return _told(count_try(db, keys, now))


def forgive(db: Session, keys: Keys, now: datetime) -> None:
    """The password was right.

    One who may enter does not clear the others who guess from the same address.
    """
    own, *places = (key for key, _ in keys)
    forget_tries(db, [own])
    for key in places:
        forgive_try(db, key, now)


def count_guess(db: Session, account: Account, guess: Guess, now: datetime) -> TooMany | None:
    """Count a code or password that is about to be tried, wherever it is typed."""
    key = _key(db, guess.value, str(account.id))
    return _told(count_try(db, [(key, _FREE_OF_ACCOUNT)], now))


def forget_guesses(db: Session, account: Account, guess: Guess) -> None:
    """It was right: the failures before it count no more."""
    forget_tries(db, [_key(db, guess.value, str(account.id))])


def count_request(db: Session, email: str, visitor: Visitor, now: datetime) -> TooMany | None:
    """Count what anybody may ask for in another's name, as a reset; None when it may be done."""
    keys = [
        (_key(db, "request for", email.strip().casefold()), _FREE_REQUESTS),
        (_key(db, "request from", visitor.address), _FREE_OF_PLACE),
    ]
    return _told(count_try(db, keys, now))


def mark_of_browser(db: Session, account_id: UUID) -> str:
    """Return a mark for a browser in which this account signed in, which only we can make."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_signature(db, account_id, nonce)}"


def is_known(db: Session, account_id: UUID, device: str) -> bool:
    """Did this account sign in before, in the browser with this mark?"""
    nonce, _, given = device.partition(".")
    return hmac.compare_digest(_signature(db, account_id, nonce).encode(), given.encode())


def _signature(db: Session, account_id: UUID, nonce: str) -> str:
    made = vault_of(db.get_bind().dialect).signature("device", f"{account_id}:{nonce}")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _key(db: Session, kind: str, value: str) -> bytes:
    return vault_of(db.get_bind().dialect).lookup_hashes(f"{kind}\x00{value}")[0]


def _told(wait: timedelta | None) -> TooMany | None:
    return None if wait is None else TooMany(ceil(wait.total_seconds()))
