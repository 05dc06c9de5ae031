"""What matters of an email: whom it was for, photos, bounces, and whether anything was written."""

from email.message import EmailMessage

import pytest

from service.gateways.ports import Bounce
from service.gateways.received_mail import read_mail

BOUNCE = b"""From: MAILER-DAEMON@mx.example
To: care@bayou.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ana@example.com
Action: failed
Status: 5.1.1

--B
Content-Type: %s

From: care@bayou.example
Subject: Quick check-in
Message-ID: <0195-check-in@bayou.example>

%s
--B--
"""


def an_email(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    given = {"From": "Ana <ana@example.com>", "To": "care@bayou.example"}
    for name, value in (given | headers).items():
        mail[name.replace("_", "-")] = value
    mail.set_content("7")
    return mail


def test_everybody_an_email_was_sent_to_is_known():
    mail = an_email(To="Front Desk <desk@bayou.example>", Cc="Bayou <care@bayou.example>")
    mail["X-Original-To"] = "hidden@bayou.example"

    assert read_mail(mail.as_bytes()).recipients == (
        "desk@bayou.example",
        "care@bayou.example",
        "hidden@bayou.example",
    )


def test_a_photo_is_kept_as_a_reference_and_a_logo_is_not():
    mail = an_email(Message_ID="<answer-1@example.com>")
    mail.add_related(b"\xff" * 500, "image", "png", cid="<logo@example.com>")
    mail.add_attachment(b"\xff" * 60_000, "image", "jpeg", filename="IMG_1.jpeg")

    assert read_mail(mail.as_bytes()).media == (("mid:answer-1@example.com", "image/jpeg"),)


@pytest.mark.parametrize("quote", ["> How is your pain?\n> Chest pain? Call 911.", None])
def test_a_mail_without_a_word_of_its_own_says_so(quote: str | None):
    mail = an_email()
    if quote:
        mail.set_content(quote)
    else:
        mail.set_content("<blockquote>Chest pain? Call 911.</blockquote>", subtype="html")

    email = read_mail(mail.as_bytes())

    assert email.only_quotes
    assert "911" in email.text


@pytest.mark.parametrize(
    ("kind", "words"),
    [(b"message/rfc822", b"How is your pain?"), (b"text/rfc822-headers", b"")],
)
def test_a_bounce_names_the_mail_that_did_not_arrive(kind: bytes, words: bytes):
    email = read_mail(BOUNCE % (kind, words))

    assert email.automatic
    assert email.bounce == Bounce("<0195-check-in@bayou.example>", "ana@example.com", "5.1.1")


def test_a_mail_that_is_only_late_is_not_taken_for_lost():
    late = (BOUNCE % (b"message/rfc822", b"")).replace(b"Action: failed", b"Action: delayed")

    assert read_mail(late).bounce is None


@pytest.mark.parametrize("name", ["<" + "x" * 300 + "@example.com>", "<with\x00nul@example.com>"])
def test_a_name_that_no_database_could_keep_is_replaced(name: str):
    raw = f"From: ana@example.com\nMessage-ID: {name}\n\n7".encode()

    assert read_mail(raw).message_id.endswith("@no-message-id.invalid>")


def test_a_mail_that_was_cut_short_still_says_what_was_written():
    mail = an_email()
    mail.add_attachment(b"\xff" * 60_000, "image", "jpeg", filename="IMG_1.jpeg")

    email = read_mail(mail.as_bytes()[:30_000])

    assert email.text == "7"
    assert [of for _, of in email.media] == ["image/jpeg"]
