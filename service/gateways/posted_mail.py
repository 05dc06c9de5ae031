"""Emails as mail relays post them: the whole mail as it is, or its parts as fields of a form."""

from __future__ import annotations

import email
import json
from collections.abc import Iterable, Mapping
from email.message import Message
from email.utils import formataddr, parseaddr
from urllib.parse import parse_qsl

from service.gateways.ports import ReceivedEmail
from service.gateways.received_mail import read_mail

# By Mailgun, SendGrid and CloudMailin, in this order; names are compared in small letters.
_WHOLE = ("body-mime", "email", "message", "mime")
_SENDER = ("from", "sender")
_RECIPIENTS = ("recipient", "to", "cc")
_TEXT = ("body-plain", "text", "plain")
_HTML = ("body-html", "html")
_HEADERS = ("message-id", "in-reply-to", "references", "subject", "auto-submitted", "precedence")
_MOST_FIELDS = 200
_A_LOGO = 15_000
"""Bytes; smaller pictures come with signatures and tell nothing."""


class NotAnEmail(ValueError):
    """What was posted cannot be an email."""


def read_posted(content_type: str, body: bytes) -> ReceivedEmail:
    """Return the email in a request, of which the end may be missing; raises `NotAnEmail`."""
    kind = content_type.partition(";")[0].strip().lower()
    match kind:
        case "message/rfc822" | "text/plain" | "":
            return _whole(body)
        case "application/x-www-form-urlencoded":
            return _from_form(_urlencoded(body), ())
        case "multipart/form-data":
            fields, files = _multipart(content_type, body)
            return _from_form(fields, files)
        case _:
            raise NotAnEmail(f"{kind} is not how a mail is posted")


def _whole(raw: bytes) -> ReceivedEmail:
    # A mail has headers: without any this is something else.
    if not email.message_from_bytes(raw).items():
        raise NotAnEmail("there is no mail in it")
    return read_mail(raw)


def _from_form(fields: Mapping[str, str], files: Iterable[Message]) -> ReceivedEmail:
    for name in _WHOLE:
        raw = fields.get(name, "").encode("utf-8", "surrogateescape")
        # Some forms call the sender's address so: a mail has a line that says who wrote it.
        if "from" in email.message_from_bytes(raw):
            return read_mail(raw)
    if not any(fields.get(name) for name in _SENDER):
        raise NotAnEmail("it does not say who wrote")
    return read_mail(_put_together(fields, files))


def _put_together(fields: Mapping[str, str], files: Iterable[Message]) -> bytes:
    mail = Message()
    for name, value in _headers(fields):
        line = " ".join(value.split())
        # Only a name may be written in letters that a header cannot carry, never its address.
        mail[name] = formataddr(parseaddr(line)) if name.lower() == "from" else line
    text = next((fields[name] for name in _TEXT if fields.get(name, "").strip()), "")
    html = next((fields[name] for name in _HTML if fields.get(name, "").strip()), "")
    words = Message()
    words["Content-Type"] = "text/plain" if text else "text/html"
    words.set_payload(text or html, "utf-8")
    mail["Content-Type"] = "multipart/mixed"
    mail.set_payload([words, *files])
    return mail.as_bytes()


def _headers(fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield the mail's own headers, where the relay hands them on, and what its fields say."""
    given = list(_own_headers(fields))
    yield from given
    there = {name.lower() for name, _ in given}
    if "from" not in there:
        yield "From", next(fields[name] for name in _SENDER if fields.get(name))
    for name in _HEADERS:
        if name not in there and fields.get(name):
            yield name, fields[name]
    for name in _RECIPIENTS:
        if fields.get(name):
            yield "Delivered-To", fields[name]
    for recipient in _envelope_recipients(fields.get("envelope", "")):
        yield "Delivered-To", recipient


def _own_headers(fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    written: Iterable[tuple[object, object]] = ()
    if fields.get("headers", "").strip():
        written = email.message_from_string(fields["headers"].lstrip()).items()
    elif fields.get("message-headers", "").strip():
        listed = _json(fields["message-headers"])
        pairs = listed if isinstance(listed, list) else ()
        written = [tuple(pair) for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    for name, value in written:
        if not str(name).lower().startswith(("content-", "mime-version")):
            yield str(name), str(value)


def _envelope_recipients(envelope: str) -> list[str]:
    said = _json(envelope)
    to = said.get("to") if isinstance(said, dict) else None
    return [str(one) for one in to] if isinstance(to, list) else []


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _urlencoded(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise NotAnEmail("it has too many fields") from error
    return {name.lower(): value for name, value in reversed(pairs)}


def _multipart(content_type: str, body: bytes) -> tuple[dict[str, str], list[Message]]:
    """Return the fields of a form, and the pictures and recordings that came with it."""
    head = f"Content-Type: {content_type.replace(chr(10), ' ')}\r\n\r\n".encode(
        "latin-1", "replace"
    )
    form = email.message_from_bytes(head + body)
    parts = form.get_payload() if form.is_multipart() else []
    fields: dict[str, str] = {}
    files: list[Message] = []
    for part in parts[:_MOST_FIELDS] if isinstance(parts, list) else ():
        if not isinstance(part, Message):
            continue
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and not part.get_filename():
            raw = value if isinstance(value, bytes) else b""
            fields.setdefault(name.lower(), raw.decode("utf-8", "surrogateescape"))
        elif isinstance(value, bytes) and len(value) > _A_LOGO:
            files.append(_attachment(part.get_content_type()))
    return fields, files


def _attachment(content_type: str) -> Message:
    """Stand for a file: what it shows is with the relay, only its kind matters here."""
    attachment = Message()
    attachment["Content-Type"] = content_type
    attachment["Content-Disposition"] = "attachment"
    attachment.set_payload("")
    return attachment
