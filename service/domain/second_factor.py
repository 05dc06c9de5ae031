"""One-time codes from an authenticator app (RFC 6238), each of which is taken once."""

from __future__ import annotations

import re
from datetime import datetime

import pyotp

_STEP = 30
"""Seconds; every authenticator app knows this and six digits."""


def matching_step(secret: str, code: str, now: datetime, *, last_step: int) -> int | None:
    """Return the time step that `code` belongs to, or None when it is not taken.

    Taken is the code of this moment and of the step before it, for people who type slowly, but
    never one of `last_step` or older: each code works once.
    """
    digits = re.sub(r"\s", "", code)
    if not re.fullmatch(r"[0-9]{6}", digits):
        return None
    this_step = int(now.timestamp()) // _STEP
    totp = pyotp.TOTP(secret)
    for step in (this_step, this_step - 1):
        if totp.generate_otp(step) == digits and step > last_step:
            return step
    return None


def enrolment_uri(secret: str, email: str) -> str:
    """Return what an authenticator app reads from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Aftercare")
