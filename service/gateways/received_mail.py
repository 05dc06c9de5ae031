"""An email as it arrived, read: who wrote what, in answer to which of ours, and was it a person."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email.message import Message
from urllib.parse import quote

from service.gateways.email_text import own_words, words_of_html
from service.gateways.ports import Bounce, ReceivedEmail
from service.gateways.readable_mail import (
    ReadableMail,
    addresses_in,
    as_it_came,
    content_of,
    decoded,
    parts_of,
    sender_of,
    texts_of,
)

# Printable, and short enough for an index; any other name is made by us.
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_ROBOTS = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply)@", re.IGNORECASE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
# Where mail servers write whom a mail was for when its own lines do not say.
_WRITTEN_TO = ("to", "cc", "delivered-to", "x-original-to", "x-forwarded-to", "envelope-to")
_MOST_RECIPIENTS = 50
_SHOWS_SOMETHING = frozenset({"image", "audio", "video"})
_LOGO_AT_MOST = 15_000
"""Letters of an encoded picture inside a mail that may be the sender's signature."""


def read_mail(raw: bytes) -> ReceivedEmail:
    """Return what matters of a mail as it went over the wire, or of its beginning."""
    return as_received(ReadableMail.from_bytes(raw))


def as_received(mail: ReadableMail, uid: str = "") -> ReceivedEmail:
    """Return what matters of a mail. `uid` is its place in the mailbox, if it lies in one."""
    whole, own = _words(mail.obj)
    ids = _MESSAGE_ID.findall(_header(mail.obj, "message-id"))
    answers = [
        *_MESSAGE_ID.findall(_header(mail.obj, "in-reply-to")),
        *reversed(_MESSAGE_ID.findall(_header(mail.obj, "references"))),
    ]
    message_id = ids[0] if ids else _name_for(mail)
    return ReceivedEmail(
        message_id=message_id,
        answers=tuple(dict.fromkeys(answers)),
        sender=sender_of(mail.obj),
        recipients=_recipients(mail.obj),
        subject=" ".join(decoded(mail.obj.get("Subject")).split()),
        text=own or whole,
        only_quotes=not own and bool(whole),
        automatic=is_automatic(mail),
        media=tuple(_media(mail.obj, message_id)),
        bounce=_bounce(mail.obj),
        uid=uid,
    )


def is_automatic(mail: ReadableMail) -> bool:
    """Did a machine write it: an out-of-office note, a bounce, a list?"""
    marks = (
        _header(mail.obj, "auto-submitted").lower() not in ("", "no"),
        _header(mail.obj, "precedence").lower() in ("bulk", "junk", "list", "auto_reply"),
        bool(_header(mail.obj, "x-autoreply") or _header(mail.obj, "x-autorespond")),
        bool(_header(mail.obj, "list-id")),
        _header(mail.obj, "return-path").strip() == "<>",
        mail.obj.get_content_type() == "multipart/report",
        bool(_ROBOTS.match(sender_of(mail.obj))),
    )
    return any(marks)


def _words(mail: Message) -> tuple[str, str]:
    """Return all the words of a mail, and those that were written for it."""
    plain = texts_of(mail, "text/plain", "text/").replace("\xa0", " ").strip()
    if plain:
        return plain, own_words(plain)
    html = texts_of(mail, "text/html")
    return words_of_html(html, quotes=True), own_words(words_of_html(html))


def _recipients(mail: Message) -> tuple[str, ...]:
    written = [str(value) for name in _WRITTEN_TO for value in mail.get_all(name, ())]
    return tuple(dict.fromkeys(addresses_in(written)))[:_MOST_RECIPIENTS]


def _media(mail: Message, message_id: str) -> Iterator[tuple[str, str]]:
    """Name each photo and recording by the mail that holds it (RFC 2392), with its type."""
    for part in parts_of(mail):
        if part.get_content_maintype() not in _SHOWS_SOMETHING:
            continue
        attached = part.get_content_disposition() == "attachment"
        if attached or len(as_it_came(part)) > _LOGO_AT_MOST:
            yield f"mid:{quote(message_id.strip('<>'), safe='@')}", part.get_content_type()


def _bounce(mail: Message) -> Bounce | None:
    """Return which mail could finally not be delivered, if this is a report of that (RFC 3464)."""
    if mail.get_content_type() != "multipart/report" or not mail.is_multipart():
        return None
    status = recipient = ""
    failed = False
    ids: list[str] = []
    for part in parts_of(mail):
        if _header(part, "action").strip().lower() == "failed":
            failed = True
            found = _STATUS.search(_header(part, "status"))
            status = found.group() if found else ""
            recipient = _header(part, "final-recipient").rpartition(";")[2].strip()
        elif part is not mail and part.get("message-id"):
            ids += _MESSAGE_ID.findall(_header(part, "message-id"))
        elif part.get_content_type() == "text/rfc822-headers":
            text = content_of(part).decode("ascii", "replace")
            ids += _MESSAGE_ID.findall("".join(_MESSAGE_ID_LINE.findall(text)))
    return Bounce(ids[0] if ids else "", recipient, status) if failed else None


_MESSAGE_ID_LINE = re.compile(r"^message-id:[^\n]*(?:\n[ \t][^\n]*)?", re.IGNORECASE | re.MULTILINE)


def _header(mail: Message, name: str) -> str:
    return " ".join(str(value) for value in mail.get_all(name, ()))


def _name_for(mail: ReadableMail) -> str:
    """Name a mail that came without a name, the same whenever it is read."""
    return f"<{hashlib.sha256(mail.raw).hexdigest()}@no-message-id.invalid>"
