"""Is a webhook really Twilio's? Asked before anything in it is believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twilio.request_validator import RequestValidator, get_signature_algorithm

SIGNATURE_HEADERS = ("X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings")
"""The signature, and how it was made where that is not the first way."""


class TwilioSignature:
    """Checks webhooks against the account's tokens: two while one replaces the other."""

    def __init__(self, auth_tokens: Sequence[str]) -> None:
        self._validators = [RequestValidator(token) for token in auth_tokens]

    def fits(self, url: str, form: Any, signature: str | None, settings: str | None) -> bool:
        """Was `form` signed for `url`, the public address as configured at Twilio?

        `form` is the whole multi-dict: a name may come twice. `signature` and `settings` are the
        two headers of `SIGNATURE_HEADERS`, None if absent.
        """
        if not signature:
            return False
        algorithm = get_signature_algorithm(settings)
        return any(
            validator.validate(url, form, signature, algorithm) for validator in self._validators
        )
