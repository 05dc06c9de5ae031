"""A file that only our keys open, written and read in pieces: cut short or changed, it shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag

from service.store.secrets import KEY_ID_BYTES, Unreadable, Vault

_BEGINNING = b"aftercare backup 1\n"
_SALT_BYTES = 16
_PIECE = 1 << 16
_LENGTH_BYTES = 4
_TAG_BYTES = 16
_NOT_WHOLE = "cut short, or changed since it was made"


class SealedWriter:
    """Seals what it is given piece by piece; only a file that was finished can be read.

    Each file has a key of its own, each piece its number as nonce, and the last one says so: a
    piece that is missing, moved or taken from another file does not open.
    """

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        self._file = file
        self._header = _BEGINNING + vault.file_key_id() + os.urandom(_SALT_BYTES)
        self._cipher = vault.file_cipher(vault.file_key_id(), self._header[-_SALT_BYTES:])
        self._number = 0
        self._waiting = bytearray()
        file.write(self._header)

    def write(self, plain: bytes) -> None:
        """Add to the file."""
        self._waiting += plain
        while len(self._waiting) > _PIECE:
            self._put(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]

    def finish(self) -> None:
        """Write the last piece."""
        self._put(bytes(self._waiting), last=True)

    def _put(self, plain: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), plain, self._header)
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES) + sealed)
        self._number += 1


def unsealed(file: BinaryIO, vault: Vault) -> Iterator[bytes]:
    """Yield what was sealed, piece by piece; raises `Unreadable`, possibly half-way."""
    header = file.read(len(_BEGINNING) + KEY_ID_BYTES + _SALT_BYTES)
    if not header.startswith(_BEGINNING):
        raise Unreadable("not a backup of Aftercare")
    if len(header) < len(_BEGINNING) + KEY_ID_BYTES + _SALT_BYTES:
        raise Unreadable(_NOT_WHOLE)
    key_id = header[len(_BEGINNING) : -_SALT_BYTES]
    cipher = vault.file_cipher(key_id, header[-_SALT_BYTES:])
    number, length = 0, file.read(_LENGTH_BYTES)
    while True:
        size = int.from_bytes(length)
        if len(length) < _LENGTH_BYTES or size > _PIECE + _TAG_BYTES:
            raise Unreadable(_NOT_WHOLE)
        sealed, length = file.read(size), file.read(_LENGTH_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, last=not length), sealed, header)
        except (InvalidTag, ValueError) as error:
            raise Unreadable(_NOT_WHOLE) from error
        if not length:
            return
        number += 1


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + (b"\x01" if last else b"\x00")
