"""How passwords are stored: argon2id, and as slow for an account that does not exist."""

from __future__ import annotations

import threading
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from service.domain.passwords import LONGEST, same_form

MEMORY_KIB = 47_104
"""46 MiB, once over, in one lane: the least that `reliability` section 4 takes."""
_AT_ONCE = threading.BoundedSemaphore(4)
"""A flood of sign-ins must not take the machine's memory."""


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    with _AT_ONCE:
        return _hasher().hash(same_form(password))


def verify(password: str, stored: str | None) -> tuple[bool, str | None]:
    """Is this the password? The second value is a stronger hash to store instead, if one is due.

    Without a stored hash the work is the same and the answer is no, so that the time taken does
    not tell which accounts there are.
    """
    # Nothing longer was ever taken, and hashing it would be a stranger's way to keep us busy.
    given = same_form(password[: LONGEST + 1])
    with _AT_ONCE:
        right, stronger = _hasher().verify_and_update(given, stored or _nobodys())
    return (right, stronger) if stored else (False, None)


@cache
def _hasher() -> PasswordHash:
    return PasswordHash([Argon2Hasher(time_cost=1, memory_cost=MEMORY_KIB, parallelism=1)])


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")
