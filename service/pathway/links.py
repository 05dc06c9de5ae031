"""The signed links in messages: each opens one page, about one check-in, address or patient."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

from service.store.secrets import Vault

_CHECK_IN = "link/check-in"
_UNSUBSCRIBE = "link/unsubscribe"
_PATIENT_PAGE = "link/patient-page"
_ID_BYTES = 16


class BadLink(Exception):
    """Nobody here made this link, or it was made for another purpose."""


class Links:
    """Makes the links that patients get, and reads them back.

    A token is an id and a SHA-256 MAC over it and its purpose, in letters that survive a text
    message: it names nobody, and cannot be guessed or used on another page. The first secret
    signs, all of them verify, so that links already sent outlive a change of secrets. When a link
    runs out is for the page to say, from the row that it names.
    """

    def __init__(self, public_url: str, secrets: Sequence[str]) -> None:
        self._public_url = public_url.rstrip("/")
        self._vault = Vault(secrets)

    def check_in_url(self, message_id: UUID) -> str:
        """Return the page on which this check-in is answered."""
        return self._public_url + self.check_in_path(message_id)

    def check_in_path(self, message_id: UUID) -> str:
        """Return the same as one of our own pages links to it."""
        return f"/c/{self._token(_CHECK_IN, message_id)}"

    def unsubscribe_url(self, address_id: UUID) -> str:
        """Return where one request ends all messages to this address (RFC 8058)."""
        return f"{self._public_url}/u/{self._token(_UNSUBSCRIBE, address_id)}"

    def patient_page_url(self, patient_id: UUID) -> str:
        """Return the patient's own page."""
        return f"{self._public_url}/p/{self._token(_PATIENT_PAGE, patient_id)}"

    def message_of(self, token: str) -> UUID:
        """Return the check-in that a link of `check_in_url` names; raises `BadLink`."""
        return self._id(_CHECK_IN, token)

    def address_of(self, token: str) -> UUID:
        """Return the address that a link of `unsubscribe_url` names; raises `BadLink`."""
        return self._id(_UNSUBSCRIBE, token)

    def patient_of(self, token: str) -> UUID:
        """Return the patient whom a link of `patient_page_url` names; raises `BadLink`."""
        return self._id(_PATIENT_PAGE, token)

    def _token(self, purpose: str, named: UUID) -> str:
        return _letters(named.bytes + self._vault.signature(purpose, named.hex))

    def _id(self, purpose: str, token: str) -> UUID:
        try:
            given = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadLink from error
        # The last letter has two bits to spare: only the spelling that we made is ours.
        if len(given) <= _ID_BYTES or _letters(given) != token:
            raise BadLink
        named = UUID(bytes=given[:_ID_BYTES])
        if not self._vault.verifies(purpose, named.hex, given[_ID_BYTES:]):
            raise BadLink
        return named


def _letters(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).rstrip(b"=").decode()
