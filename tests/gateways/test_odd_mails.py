"""Mails as no mail program should write them: each is read, and none stops the reader."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from service.gateways.email_text import words_of_html
from service.gateways.imap_replies import ImapReplies, mailbox_at
from service.gateways.posted_mail import NotAnEmail, read_posted
from service.gateways.received_mail import read_mail
from tests.gateways.imap_server import a_mailbox
from tests.gateways.test_posted_mail import FORM, field, multipart

ANA = b"From: ana@example.com\r\nTo: care@bayou.example\r\n"


def nested(deep: int) -> bytes:
    """A mail in parts in parts, so many deep."""
    heads = (
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (one, one)
        for one in range(deep)
    )
    return ANA + b"".join(heads) + b"\r\nmy hand is numb"


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(nested(150), id="parts in parts"),
        pytest.param(nested(3000), id="parts in parts beyond counting"),
        pytest.param(
            ANA + b"Content-Type: message/rfc822\r\n\r\n" * 3000 + b"\r\nmy hand is numb",
            id="mails in mails",
        ),
        pytest.param(
            b"From: " + b"(" * 3000 + b" ana@example.com\r\nTo: care@bayou.example\r\n\r\n"
            b"my hand is numb",
            id="brackets without end",
        ),
        pytest.param(ANA + b"Subject: =?utf-8?b?a?=\r\n\r\nmy hand is numb", id="half a letter"),
        pytest.param(
            b"From: =?utf-8?b?a?= <ana@example.com>\r\nTo: care@bayou.example\r\n\r\n"
            b"my hand is numb",
            id="half a letter in a name",
        ),
        pytest.param(
            ANA + b"Content-Type: text/html\r\n\r\n<p>my hand is <![x[ y]]>numb</p>",
            id="a section nobody knows",
        ),
        pytest.param(
            ANA + b"Content-Type: text/html\r\n\r\n<p>my hand is numb &#%s;" % (b"9" * 5000),
            id="a letter of a huge number",
        ),
        *(
            pytest.param(
                ANA + b'Content-Type: text/plain; charset="%s"\r\n\r\nmy hand is numb' % charset,
                id=f"charset {charset!r}",
            )
            for charset in (b"x", b"a\0b", b"idna", b"undefined", b"hex", b"\xff")
        ),
        pytest.param(
            ANA + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nmy hand is numb", id="no uuencode"
        ),
        pytest.param(
            ANA + b"Content-Type: text/plain; charset*0=x; charset*0*=y; charset*1=z\r\n\r\n"
            b"my hand is numb",
            id="parameters in pieces",
        ),
    ],
)
def test_what_was_written_is_read_however_oddly_it_was_sent(mail: bytes):
    email = read_mail(mail)

    assert email.sender == "ana@example.com"
    assert email.recipients == ("care@bayou.example",)
    assert "my hand is" in email.text
    assert "numb" in email.text


@pytest.mark.parametrize("begun", ["<a", "<!--", "<!", "</", "<a a='", "<style></", "&#9", "<p>"])
def test_a_megabyte_of_what_never_ends_is_read_at_once(begun: str):
    """A parser that looks for each end anew needs minutes, in which nothing else is read."""
    assert "numb" in words_of_html(f"numb {begun * (1_000_000 // len(begun))}")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        pytest.param("5 < 7 and numb > before", "5 < 7 and numb > before", id="signs"),
        pytest.param("a<!-- <p>b</p> -->c", "ac", id="a comment"),
        pytest.param("a<!-->b<!--c", "ab<!--c", id="a comment without an end"),
        pytest.param("<!--[if !mso]><!-->a<!--<![endif]-->b", "ab", id="Outlook's condition"),
        pytest.param("a<![if !mso]>b<![endif]>c", "abc", id="Outlook's other condition"),
        pytest.param("<script>'<script>'</script>a", "a", id="a program that writes a tag"),
        pytest.param("<STYLE>b</Style>a", "a", id="capitals"),
        pytest.param('<div class="x gmail_quote">b<div>c</div></div>a', "a", id="a quote"),
        pytest.param("<div class=gmail_quote>b", "", id="a quote without an end"),
        pytest.param("<!DOCTYPE html><?xml?><html><body>a</body>", "a", id="a whole page"),
        pytest.param("a <b", "a <b", id="cut short"),
        pytest.param("&lt;b&gt; &ntilde; &#x1F44D; &x;", "<b> ñ 👍 &x;", id="signs by name"),
    ],
)
def test_only_what_a_page_shows_is_read(page: str, words: str):
    assert words_of_html(page).replace("\n", "") == words


def test_a_mail_that_can_hardly_be_read_keeps_no_other_from_being_read():
    with a_mailbox() as imap:
        numbers = [imap.put(nested(3000)), imap.put(ANA + b"\r\nfine")]

        odd, usual = ImapReplies(mailbox_at(imap.url), answer_seconds=5).unseen()

    assert [one.uid for one in (odd, usual)] == [f"7:{number}" for number in numbers]
    assert "my hand is numb" in odd.text
    assert usual.text == "fine"


# --- forms of relays ---------------------------------------------------------------------------

USUAL = {"from": "ana@example.com", "recipient": "care@bayou.example", "text": "my hand is numb"}


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"envelope": "[" * 100_000}, id="brackets in brackets"),
        pytest.param({"message-headers": "[" * 100_000}, id="headers in brackets"),
        pytest.param({"message-headers": '[["ñ", "1"], ["a\\n:b", "2"], [[], {}]]'}, id="names"),
        pytest.param({"message-headers": '[["Subject", "\\ud83d"]]'}, id="half a letter"),
        pytest.param({"headers": "ñ: 1\n: 2\n\n3"}, id="no headers"),
        pytest.param({"from": "Ana Gó <ana@example.com>", "to": "Clí <c@b.example>"}, id="ñ"),
        pytest.param({"subject": "\0\u2028\x85"}, id="signs that nobody types"),
    ],
)
def test_an_odd_field_of_a_form_hides_nothing_of_the_others(odd: dict[str, str]):
    email = read_posted(FORM, urlencode(USUAL | odd).encode())

    assert (email.sender, email.text) == ("ana@example.com", "my hand is numb")
    assert "care@bayou.example" in email.recipients


def test_a_clinic_with_a_name_in_any_letters_gets_its_mail():
    fields = USUAL | {"recipient": "", "to": "Clínica Bayou <care@bayou.example>"}

    assert read_posted(FORM, urlencode(fields).encode()).recipients == ("care@bayou.example",)


def test_a_sender_whose_address_is_in_any_letters_is_known_by_it():
    fields = USUAL | {"from": "Ana <añá@ejemplo.example>"}

    assert read_posted(FORM, urlencode(fields).encode()).sender == "añá@ejemplo.example"


def test_words_in_the_letters_of_windows_are_read():
    body = multipart(
        (field("from"), b"ana@example.com"), (field("text"), "me duele más".encode("cp1252"))
    )

    assert read_posted('multipart/form-data; boundary="B"', body).text == "me duele más"


def test_a_form_whose_parts_cannot_be_told_apart_is_refused():
    body = multipart((field("from"), b"ana@example.com")) + b"--B\r\n" + nested(3000)

    with pytest.raises(NotAnEmail):
        read_posted('multipart/form-data; boundary="B"', body.replace(b"--B--", b""))


def test_what_the_envelope_says_is_heeded_beside_what_it_should_not_say():
    envelope = json.dumps({"to": ["care@bayou.example", None, {}, 7], "from": []})

    email = read_posted(FORM, urlencode({"from": "a@b.example", "envelope": envelope}).encode())

    assert email.recipients == ("care@bayou.example",)
