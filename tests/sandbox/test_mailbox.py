"""The pretend mailboxes, written to over real SMTP."""

import smtplib

import pytest

from service.sandbox.mailbox import Mailbox

MAIL = b"From: care@bayou.example\r\nSubject: Hola =?utf-8?q?se=C3=B1ora?=\r\n\r\nHow are you?\r\n"


@pytest.fixture
def mailbox(clock, tmp_path):
    mailbox = Mailbox(clock, journal=tmp_path / "mails.jsonl")
    mailbox.start()
    yield mailbox
    mailbox.stop()


def deliver(mailbox: Mailbox, *recipients: str) -> None:
    host, _, port = mailbox.url.removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port), local_hostname="tests.invalid", timeout=5) as server:
        server.sendmail("care@bayou.example", recipients, MAIL)


def test_each_recipient_has_a_copy_and_the_newest_comes_first(mailbox, clock):
    deliver(mailbox, "ana@example.com", "ben@example.com")

    assert [mail.recipient for mail in mailbox.mails()] == ["ben@example.com", "ana@example.com"]
    assert mailbox.mails()[0].subject == "Hola señora"
    assert mailbox.mails()[0].at == clock.now


def test_one_mail_can_be_opened(mailbox):
    deliver(mailbox, "ana@example.com")

    mail = mailbox.mail(1)
    assert mail is not None
    assert mail.text.strip() == "How are you?"
    assert mailbox.mail(2) is None
    assert mailbox.mail(0) is None


def test_mails_outlive_a_restart(mailbox, clock, tmp_path):
    deliver(mailbox, "ana@example.com")

    again = Mailbox(clock, journal=tmp_path / "mails.jsonl")
    again.start()
    again.stop()

    assert again.mails() == mailbox.mails()
