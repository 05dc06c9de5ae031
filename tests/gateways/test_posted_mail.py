"""Emails as mail relays post them: whole, or in the fields of a form."""

import json
from urllib.parse import urlencode

import pytest

from service.gateways.posted_mail import NotAnEmail, read_posted

MIME = (
    "From: Ana <ana@example.com>\r\nTo: care@bayou.example\r\n"
    "Message-ID: <a1@example.com>\r\nIn-Reply-To: <check-in@bayou.example>\r\n"
    "Subject: Re: Quick check-in\r\n\r\n7, and it tingles\r\n"
)
FORM = "application/x-www-form-urlencoded"


def multipart(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(b"--B\r\n%s\r\n\r\n%s\r\n" % (head.encode(), value) for head, value in parts)
    return body + b"--B--\r\n"


def field(name: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"'


def test_a_whole_mail_is_read_as_it_is():
    email = read_posted("message/rfc822", MIME.encode())

    assert (email.sender, email.text) == ("ana@example.com", "7, and it tingles")
    assert email.answers == ("<check-in@bayou.example>",)


@pytest.mark.parametrize("name", ["body-mime", "email"])
def test_a_whole_mail_in_a_field_is_read_as_it_is(name: str):
    fields = {"recipient": "care@bayou.example", "sender": "ana@example.com", name: MIME}

    assert read_posted(FORM, urlencode(fields).encode()).message_id == "<a1@example.com>"


def test_the_fields_of_one_relay_are_put_together():
    fields = {
        "recipient": "care@bayou.example",
        "from": "Ana Gómez <ana@example.com>",
        "subject": "Re: Quick check-in",
        "body-plain": "7, y me duele más",
        "Message-Id": "<a1@example.com>",
        "message-headers": json.dumps([["In-Reply-To", "<check-in@bayou.example>"]]),
    }

    email = read_posted(FORM, urlencode(fields).encode())

    assert (email.sender, email.recipients) == ("ana@example.com", ("care@bayou.example",))
    assert (email.text, email.subject) == ("7, y me duele más", "Re: Quick check-in")
    assert (email.message_id, email.answers) == ("<a1@example.com>", ("<check-in@bayou.example>",))


def test_the_parts_of_another_relay_are_put_together():
    headers = "Message-ID: <a1@example.com>\nAuto-Submitted: auto-replied\nFrom: ana@example.com\n"
    envelope = json.dumps({"to": ["care@bayou.example"], "from": "ana@example.com"})
    body = multipart(
        (field("headers"), headers.encode()),
        (field("from"), b"Ana <ana@example.com>"),
        (field("html"), b"<p>Estoy fuera &amp; lejos</p>"),
        (field("envelope"), envelope.encode()),
        (
            field("attachment1") + '; filename="IMG.jpg"\r\nContent-Type: image/jpeg',
            b"\xff" * 20_000,
        ),
    )

    email = read_posted('multipart/form-data; boundary="B"', body)

    assert (email.sender, email.recipients) == ("ana@example.com", ("care@bayou.example",))
    assert (email.text, email.automatic) == ("Estoy fuera & lejos", True)
    assert email.media == (("mid:a1@example.com", "image/jpeg"),)


def test_a_line_break_in_a_field_writes_no_header():
    fields = {"from": "ana@example.com\r\nAuto-Submitted: auto-replied", "text": "7"}

    assert read_posted(FORM, urlencode(fields).encode()).automatic is False


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("message/rfc822", b"no mail at all"),
        (FORM, b"subject=Hello&text=7"),
        (FORM, b"&".join(b"a%d=1" % number for number in range(300))),
        ("application/json", b"{}"),
        ("multipart/form-data", b"no boundary"),
    ],
)
def test_what_is_no_mail_is_refused(content_type: str, body: bytes):
    with pytest.raises(NotAnEmail):
        read_posted(content_type, body)
