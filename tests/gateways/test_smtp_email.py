"""Handing emails over in a real SMTP conversation, and what each way it can end means."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import pytest

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.domain.values import Channel
from service.gateways.ports import Outgoing
from service.gateways.smtp_email import (
    MailRelay,
    SmtpGateway,
    WrongMailAddress,
    message_id_of,
    relay_at,
)
from service.sandbox.mailbox import Mailbox, MailRule, MailTrouble
from tests.sandbox.clinic import NOON, HandMovedClock

HELLO = Outgoing(
    id=UUID(int=1),
    channel=Channel.EMAIL,
    sender="Bayou Dry Needling <care@bayou.example>",
    recipient="ana@example.com",
    text="¿Cómo está?\n.\nhttps://clinic.example/c/abc\n",
    subject="Your check-in",
    html="<p>¿Cómo está?</p>",
    unsubscribe_url="https://clinic.example/u/abc",
    reply_to="desk@bayou.example",
)


@pytest.fixture
def mailbox(clock: HandMovedClock) -> Iterator[Mailbox]:
    mailbox = Mailbox(clock)
    mailbox.start()
    yield mailbox
    mailbox.stop()


def send(url: str, *outgoing: Outgoing, answer_seconds: float = 5.0) -> list[Outcome]:
    async def go() -> list[Outcome]:
        gateway = SmtpGateway(relay_at(url), lambda: NOON, answer_seconds=answer_seconds)
        try:
            return await asyncio.gather(*(gateway.send(each) for each in outgoing))
        finally:
            await gateway.close()

    return asyncio.run(go())


def test_a_long_unsubscribe_link_is_whole_in_its_header(mailbox):
    link = f"https://care.{'a-long-name-of-a-group-of-clinics.' * 3}example/u/abc"

    send(mailbox.url, replace(HELLO, unsubscribe_url=link))

    (mail,) = mailbox.mails()
    assert mail.header("List-Unsubscribe") == f"<{link}>"


def test_an_email_arrives_with_both_its_forms(mailbox):
    (outcome,) = send(mailbox.url, HELLO)

    (mail,) = mailbox.mails()
    assert outcome == Accepted(message_id_of(HELLO), "accepted")
    assert mail.recipient == "ana@example.com"
    assert mail.sender == "Bayou Dry Needling <care@bayou.example>"
    assert mail.subject == "Your check-in"
    assert mail.text.split() == HELLO.text.split()
    assert mail.html is not None
    assert mail.html.strip() == HELLO.html
    assert mail.links == ("https://clinic.example/c/abc",)


def test_an_email_can_be_unsubscribed_with_one_click(mailbox):
    send(mailbox.url, HELLO)

    (mail,) = mailbox.mails()
    assert mail.header("List-Unsubscribe") == "<https://clinic.example/u/abc>"
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


def test_an_email_says_who_wrote_it_when_and_where_to_answer(mailbox):
    send(mailbox.url, HELLO)

    (mail,) = mailbox.mails()
    assert mail.header("Date") == "Tue, 03 Mar 2026 18:00:00 +0000"
    assert mail.header("Reply-To") == "desk@bayou.example"
    assert mail.header("Auto-Submitted") == "auto-generated"


def test_the_same_message_has_the_same_message_id_however_often_it_is_tried(mailbox):
    send(mailbox.url, HELLO, HELLO)

    ids = {mail.header("Message-ID") for mail in mailbox.mails()}
    assert ids == {"<00000000-0000-0000-0000-000000000001@bayou.example>"}


def test_a_name_cannot_write_headers(mailbox):
    nasty = "Hi\r\nBcc: everybody@example.com\n\nNew body"

    send(
        mailbox.url,
        replace(
            HELLO,
            subject=nasty,
            sender="Bayou\r\nX-Evil: 1 <care@bayou.example>",
            unsubscribe_url="https://clinic.example/u/abc>\r\nX-Evil: 2",
        ),
    )

    (mail,) = mailbox.mails()
    names = {name.lower() for name, _ in mail.headers}
    assert not names & {"bcc", "x-evil"}
    assert mail.text.split() == HELLO.text.split()


@pytest.mark.parametrize(
    "recipient",
    ["ana", "ana@example.com\r\nRCPT TO:<eve@example.com>", "a b@example.com", "é@example.com", ""],
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(mailbox, recipient):
    (outcome,) = send(mailbox.url, replace(HELLO, recipient=recipient))

    assert isinstance(outcome, Refused)
    assert outcome.retry_after is None
    assert mailbox.mails() == []


@pytest.mark.parametrize("trouble", [MailTrouble.REFUSE_RECIPIENT, MailTrouble.REFUSE_MAIL])
@pytest.mark.parametrize(("code", "again"), [(450, True), (451, True), (550, False), (552, False)])
def test_a_refusal_for_now_is_tried_again_and_one_for_good_is_not(mailbox, trouble, code, again):
    mailbox.break_with(MailRule(trouble, code=code))

    (outcome,) = send(mailbox.url, HELLO)

    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert (outcome.retry_after is not None) is again
    assert mailbox.mails() == []


@pytest.mark.parametrize(
    ("trouble", "taken"), [(MailTrouble.CUT_UNTAKEN, 0), (MailTrouble.TAKE_AND_CUT, 1)]
)
def test_a_line_cut_after_the_final_dot_is_unclear(mailbox, trouble, taken):
    mailbox.break_with(MailRule(trouble))

    (outcome,) = send(mailbox.url, HELLO)

    assert isinstance(outcome, Unclear)
    assert len(mailbox.mails()) == taken


def test_a_server_that_never_answers_holds_nothing_up_for_ever(mailbox):
    mailbox.break_with(MailRule(MailTrouble.HANG))

    (outcome,) = send(mailbox.url, HELLO, answer_seconds=0.3)

    assert isinstance(outcome, Unclear)


def test_a_server_that_cannot_be_reached_has_certainly_not_taken_it():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free_port = listening.getsockname()[1]

    (outcome,) = send(f"smtp://127.0.0.1:{free_port}", HELLO)

    assert isinstance(outcome, Refused)
    assert outcome.retry_after is not None


def test_without_encryption_nothing_is_sent(mailbox):
    (outcome,) = send(f"{mailbox.url}?starttls=required", HELLO)

    assert isinstance(outcome, Refused)
    assert outcome.retry_after is not None
    assert mailbox.mails() == []


def test_an_email_whose_moment_has_passed_is_not_sent(mailbox):
    (outcome,) = send(mailbox.url, replace(HELLO, sent_by=time.monotonic() - 0.001))

    assert isinstance(outcome, Refused)
    assert outcome.retry_after == 0
    assert mailbox.mails() == []


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mail.example", MailRelay("mail.example", 587, "starttls")),
        ("smtp://mail.example?starttls=no", MailRelay("mail.example", 587, "none")),
        ("smtp://127.0.0.1:25", MailRelay("127.0.0.1", 25, "none")),
        ("smtp://127.0.0.1:25?starttls=required", MailRelay("127.0.0.1", 25, "starttls")),
        (
            "smtps://care%40bayou.example:p%3Ass@mail.example",
            MailRelay("mail.example", 465, "from_start", "care@bayou.example", "p:ss"),
        ),
    ],
)
def test_encryption_is_required_unless_said_otherwise(url, relay):
    assert relay_at(url) == relay


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://h?starttls=maybe"])
def test_an_address_of_no_mail_server_is_refused(url):
    with pytest.raises(WrongMailAddress):
        relay_at(url)


def test_a_mail_server_that_is_away_is_not_waited_for_again_by_each_email():
    calls = 0
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def hang_up() -> None:
            nonlocal calls
            with suppress(OSError):
                while True:
                    caller, _ = listener.accept()
                    calls += 1
                    caller.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"smtp://127.0.0.1:{listener.getsockname()[1]}"

        async def one_after_the_other() -> list[Outcome]:
            gateway = SmtpGateway(relay_at(url), lambda: NOON)
            try:
                return [await gateway.send(HELLO), await gateway.send(HELLO)]
            finally:
                await gateway.close()

        outcomes = asyncio.run(one_after_the_other())
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert calls == 1
    assert all(isinstance(one, Refused) and one.retry_after for one in outcomes)
