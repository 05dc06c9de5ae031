"""Emails as mail relays post them: the whole mail as it is, or its parts as fields of a form."""

from __future__ import annotations

import email
import json
import re
from collections.abc import Iterable, Mapping
from email.message import Message
from email.parser import BytesHeaderParser, HeaderParser
from urllib.parse import parse_qsl

from service.gateways.ports import ReceivedEmail
from service.gateways.readable_mail import content_of, filename_of
from service.gateways.received_mail import read_mail

# By Mailgun, SendGrid and CloudMailin, in this order; names are compared in small letters.
_WHOLE = ("body-mime", "email", "message", "mime")
_SENDER = ("from", "sender")
_RECIPIENTS = ("recipient", "to", "cc")
_TEXT = ("body-plain", "text", "plain")
_HTML = ("body-html", "html")
_HEADERS = ("message-id", "in-reply-to", "references", "subject", "auto-submitted", "precedence")
_MOST_FIELDS = 200
_HEADER_NAME = re.compile(r"[!-9;-~]{1,100}")
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
    if not BytesHeaderParser().parsebytes(raw).items():
        raise NotAnEmail("there is no mail in it")
    return read_mail(raw)


def _from_form(fields: Mapping[str, str], files: Iterable[Message]) -> ReceivedEmail:
    for name in _WHOLE:
        raw = fields.get(name, "").encode("utf-8", "surrogateescape")
        # Some forms call the sender's address so: a mail has a line that says who wrote it.
        if "from" in BytesHeaderParser().parsebytes(raw):
            return read_mail(raw)
    if not any(fields.get(name) for name in _SENDER):
        raise NotAnEmail("it does not say who wrote")
    return read_mail(_put_together(fields, files))


def _put_together(fields: Mapping[str, str], files: Iterable[Message]) -> bytes:
    mail = Message()
    for name, value in _headers(fields):
        if _HEADER_NAME.fullmatch(name):
            mail[name] = _as_over_the_wire(" ".join(value.split()))
    text = next((fields[name] for name in _TEXT if fields.get(name, "").strip()), "")
    html = next((fields[name] for name in _HTML if fields.get(name, "").strip()), "")
    words = Message()
    words["Content-Type"] = "text/plain" if text else "text/html"
    words.set_payload(_in_letters(text or html), "utf-8")
    mail["Content-Type"] = "multipart/mixed"
    mail.set_payload([words, *files])
    return mail.as_bytes()


def _as_over_the_wire(line: str) -> str:
    """Return a header in bytes, as mails hold them: encoded, addresses would be names only."""
    return line.encode("utf-8", "surrogatepass").decode("ascii", "surrogateescape")


def _in_letters(words: str) -> str:
    """Return the words of a field; those that are no UTF-8 are most often of Windows' alphabet."""
    raw = words.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


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
        written = HeaderParser().parsestr(fields["headers"].lstrip()).items()
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
    except (ValueError, RecursionError):  # Or brackets in brackets without end.
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
    fields: dict[str, str] = {}
    files: list[Message] = []
    for part in _parts(head + body):
        name, content = _name_of(part), content_of(part)
        if name is not None and not filename_of(part):
            fields.setdefault(name.lower(), content.decode("utf-8", "surrogateescape"))
        elif len(content) > _A_LOGO:
            files.append(_attachment(part.get_content_type()))
    return fields, files


def _parts(form: bytes) -> list[Message]:
    try:
        parts = email.message_from_bytes(form).get_payload()
    except Exception as error:  # The standard library names no limit of what it can read.
        raise NotAnEmail("its parts cannot be told apart") from error
    found = [part for part in parts if isinstance(part, Message)] if parts else []
    return found[:_MOST_FIELDS]


def _name_of(part: Message) -> str | None:
    try:
        name = part.get_param("name", header="content-disposition")
    except (TypeError, ValueError):  # In pieces of which some are missing.
        return None
    return name if isinstance(name, str) else None


def _attachment(content_type: str) -> Message:
    """Stand for a file: what it shows is with the relay, only its kind matters here."""
    attachment = Message()
    attachment["Content-Type"] = content_type
    attachment["Content-Disposition"] = "attachment"
    attachment.set_payload("")
    return attachment
