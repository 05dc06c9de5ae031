"""A mail of which as much is read as there is, however oddly it was written.

Whoever knows a clinic's address may send it anything, and a mail that stops the reader would keep
all later ones from being read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Any

from imap_tools import MailMessage

_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:\"@]{1,64}@[^\s<>()\[\]\\,;:\"@]{1,255}")
_ABOUT_THE_BODY = ("Content-Type", "Content-Transfer-Encoding", "Content-Disposition")


class ReadableMail(MailMessage):
    """A mail as it came; one whose parts cannot be told apart is read as one long text."""

    def __init__(self, fetch_data: list[Any]) -> None:
        self.raw: bytes = self._get_message_data_parts(fetch_data)[0]
        try:
            super().__init__(fetch_data)
        except Exception:  # The standard library names no limit of what it can read.
            self.obj = _as_one_text(self.raw)


def parts_of(mail: Message) -> Iterator[Message]:
    """Yield a mail and every part of it, as `Message.walk` does, but to any depth."""
    waiting = [mail]
    while waiting:
        part = waiting.pop()
        yield part
        inside = part.get_payload() if part.is_multipart() else None
        if isinstance(inside, list):
            waiting += [one for one in reversed(inside) if isinstance(one, Message)]


def texts_of(mail: Message, *kinds: str) -> str:
    """Return the words of all parts of these types that are no files."""
    return "".join(
        _text_of(part)
        for part in parts_of(mail)
        if part.get_content_type() in kinds and not filename_of(part)
    )


def content_of(part: Message) -> bytes:
    """Return what a part holds; what is not as its transfer encoding says as it came."""
    try:
        content = part.get_payload(decode=True)
    except ValueError:
        content = as_it_came(part).encode("utf-8", "surrogateescape")
    return content if isinstance(content, bytes) else b""


def as_it_came(part: Message) -> str:
    """Return what a part holds before its transfer encoding is undone."""
    try:
        return str(part.get_payload())
    except (LookupError, ValueError):  # No charset of mails.
        return ""


def filename_of(part: Message) -> str | None:
    """Return the name of the file that a part is, or None."""
    try:
        return part.get_filename()
    except (TypeError, ValueError):  # A parameter in pieces of which some are missing.
        return None


def decoded(header: Any) -> str:
    """Return a header as people read it; one that is encoded wrongly as it came."""
    try:
        pieces = decode_header(header or "")
    except HeaderParseError:
        return str(header)
    return "".join(
        piece if isinstance(piece, str) else _in_charset(piece, charset)
        for piece, charset in pieces
    )


def sender_of(mail: Message) -> str:
    """Return the address of who wrote, or nothing."""
    header: Any = mail.get("From", "")
    # Letters that are no ASCII are told as they are; what is encoded may be a name only.
    line = decoded(header) if isinstance(header, Header) else str(header)
    return next(iter(addresses_in([line])), "")


def addresses_in(lines: list[str]) -> list[str]:
    """Return the addresses in headers; in one that cannot be understood, what looks like some."""
    written = ["".join(letter for letter in line if letter.isprintable()) for line in lines]
    try:
        return [address.strip() for _, address in getaddresses(written) if "@" in address]
    except (RecursionError, IndexError):  # Brackets without end.
        return _ADDRESS.findall(" ".join(written))


def _as_one_text(raw: bytes) -> Message:
    mail = BytesHeaderParser().parsebytes(raw)
    for name in _ABOUT_THE_BODY:
        del mail[name]
    return mail


def _text_of(part: Message) -> str:
    try:
        charset = part.get_content_charset()
    except (TypeError, ValueError):
        charset = None
    return _in_charset(content_of(part), charset)


def _in_charset(content: bytes, charset: str | None) -> str:
    try:
        words = content.decode(charset or "utf-8", "ignore")
    except (LookupError, ValueError):  # There is no such charset, or it is no charset of mails.
        words = ""
    return words or content.decode("utf-8", "ignore")
