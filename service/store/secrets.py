"""Encryption of what names a patient, the keyed hash that finds them again, and signed links."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

SHORTEST_SECRET = 32
"""Characters; anything shorter than 32 is refused at the start."""

_FORMAT = b"\x01"
KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class Unreadable(Exception):
    """A stored value was not sealed by any key we hold, or was changed since."""


class _Key:
    """The keys that grow from one secret: to seal, to hash, to sign, and to seal whole files."""

    def __init__(self, secret: str) -> None:
        self.id = _derive(secret, "id", KEY_ID_BYTES)
        self.cipher = AESGCM(_derive(secret, "seal"))
        self.hash_key = _derive(secret, "hash")
        self.sign_key = _derive(secret, "sign")
        self.file_key = _derive(secret, "file")


class Vault:
    """Seals with the first secret and opens with any of them, so that secrets can rotate.

    Sealed values are AES-256-GCM with the column's name as associated data: a value copied into
    another column does not open there.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("At least one secret key is needed.")
        if any(len(secret) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(f"A secret key needs at least {SHORTEST_SECRET} characters.")
        self._keys = [_Key(secret) for secret in secrets]
        self._by_id = {key.id: key for key in self._keys}

    def seal(self, plain: bytes, column: str) -> bytes:
        """Return `plain` encrypted for one column."""
        key = self._keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + key.id + nonce + key.cipher.encrypt(nonce, plain, column.encode())

    def unseal(self, sealed: bytes, column: str) -> bytes:
        """Return the plain value; raises `Unreadable`."""
        nonce_at = 1 + KEY_ID_BYTES
        key = self._by_id.get(sealed[1:nonce_at])
        if sealed[:1] != _FORMAT or key is None:
            raise Unreadable("sealed with a key that is not configured")
        nonce, body = sealed[nonce_at : nonce_at + _NONCE_BYTES], sealed[nonce_at + _NONCE_BYTES :]
        try:
            return key.cipher.decrypt(nonce, body, column.encode())
        except InvalidTag as error:
            raise Unreadable("changed since it was sealed, or moved between columns") from error

    def is_current(self, sealed: bytes) -> bool:
        """False when `sealed` still wants re-sealing with the first secret."""
        return sealed[1 : 1 + KEY_ID_BYTES] == self._keys[0].id

    def file_key_id(self) -> bytes:
        """Name the key that new files are sealed with, in `KEY_ID_BYTES` bytes."""
        return self._keys[0].id

    def file_cipher(self, key_id: bytes, salt: bytes) -> AESGCM:
        """Return a cipher for the one file that has this salt; raises `Unreadable`."""
        key = self._by_id.get(key_id)
        if key is None:
            raise Unreadable("sealed with a key that is not among AFTERCARE_SECRET_KEYS")
        kdf = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"aftercare/file/one")
        return AESGCM(kdf.derive(key.file_key))

    def lookup_hashes(self, text: str) -> list[bytes]:
        """The keyed hashes under which `text` may be stored, the current secret's first."""
        return [hmac.digest(key.hash_key, text.encode(), "sha256") for key in self._keys]

    def signature(self, purpose: str, text: str) -> bytes:
        """Return 16 bytes that only we can make for this purpose and text."""
        return _sign(self._keys[0], purpose, text)

    def verifies(self, purpose: str, text: str, signature: bytes) -> bool:
        """Was `signature` made by any of our secrets for this purpose and text?"""
        return any(hmac.compare_digest(_sign(key, purpose, text), signature) for key in self._keys)


def _sign(key: _Key, purpose: str, text: str) -> bytes:
    return hmac.digest(key.sign_key, f"{purpose}\x00{text}".encode(), "sha256")[:16]


def _derive(secret: str, purpose: str, length: int = 32) -> bytes:
    info = f"aftercare/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret.encode())


def token_hash(token: str) -> str:
    """Return what is stored of a random token (an API key); the token itself never is."""
    return hashlib.sha256(token.encode()).hexdigest()


class Sealed(TypeDecorator[str]):
    """Text that is encrypted in the database; `column` names it, as `table.column`."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        # Lone surrogates can arrive in a patient's text; keep them rather than refuse the text.
        return vault_of(dialect).seal(value.encode("utf-8", "surrogatepass"), self.column)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return vault_of(dialect).unseal(value, self.column).decode("utf-8", "surrogatepass")


class SealedJSON(TypeDecorator[Any]):
    """A JSON value that is encrypted in the database; `column` names it, as `table.column`."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, column: str) -> None:
        super().__init__()
        self.column = column

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> bytes | None:
        if value is None:
            return None
        return vault_of(dialect).seal(json.dumps(value).encode(), self.column)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any | None:
        if value is None:
            return None
        return json.loads(vault_of(dialect).unseal(value, self.column))


def vault_of(dialect: Dialect) -> Vault:
    """Return the vault that `store.engine` gave to the database's dialect."""
    vault: Vault = dialect.aftercare_vault  # type: ignore[attr-defined]  # set by store.engine
    return vault
