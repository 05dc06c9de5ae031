"""Reading patients' answers from a mailbox, over a real connection."""

from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from service.gateways.imap_replies import ImapReplies, MailboxAddress, WrongMailbox, mailbox_at
from service.gateways.ports import ProviderUnavailable
from tests.gateways.imap_server import PretendImap, a_mailbox


@pytest.fixture
def imap() -> Iterator[PretendImap]:
    with a_mailbox() as imap:
        yield imap


def replies_of(imap: PretendImap) -> ImapReplies:
    return ImapReplies(mailbox_at(imap.url), answer_seconds=5)


def an_answer(text: str = "7, and it tingles", **headers: str) -> bytes:
    mail = EmailMessage()
    given = {
        "From": "Ana <ana@example.com>",
        "To": "care@bayou.example",
        "Subject": "Re: Your check-in",
        "Date": "Tue, 03 Mar 2026 11:30:00 -0600",
        "Message-ID": "<answer-1@example.com>",
        "In-Reply-To": "<check-in@bayou.example>",
        "References": "<tip@bayou.example> <check-in@bayou.example>",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    for name, value in given.items():
        if value:
            mail[name] = value
    mail.set_content(text)
    return mail.as_bytes()


def test_an_unread_answer_is_read_and_left_unread(imap):
    imap.put(an_answer())

    (email,) = replies_of(imap).unseen()

    assert imap.seen == set()
    assert email.message_id == "<answer-1@example.com>"
    assert email.answers == ("<check-in@bayou.example>", "<tip@bayou.example>")
    assert (email.sender, email.recipients) == ("ana@example.com", ("care@bayou.example",))
    assert (email.subject, email.text) == ("Re: Your check-in", "7, and it tingles")
    assert email.automatic is False


def test_an_answer_is_marked_read_only_when_it_is_kept(imap):
    kept, later = imap.put(an_answer()), imap.put(an_answer(Message_ID="<answer-2@example.com>"))
    replies = replies_of(imap)
    first, _ = replies.unseen()

    replies.mark_seen([first])

    assert imap.seen == {kept}
    assert [email.uid for email in replies.unseen()] == [f"7:{later}"]
    assert not any("EXPUNGE" in command for command in imap.commands)


def test_a_mail_for_nobody_here_is_starred_for_a_person(imap):
    nobodys = imap.put(an_answer())
    replies = replies_of(imap)

    replies.set_aside(replies.unseen())

    assert imap.starred == imap.seen == {nobodys}


def test_a_mailbox_built_anew_does_not_have_the_wrong_mail_marked(imap):
    imap.put(an_answer())
    replies = replies_of(imap)
    emails = replies.unseen()
    imap.validity += 1

    replies.mark_seen(emails)

    assert imap.seen == set()


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"List_Id": "<news.example.com>"},
        {"Return_Path": "<>"},
        {"From": "MAILER-DAEMON@example.com"},
    ],
)
def test_a_machines_answer_is_known_for_one(imap, headers):
    imap.put(an_answer("I am out of the office.", **headers))

    (email,) = replies_of(imap).unseen()

    assert email.automatic is True


def test_an_ordinary_answer_that_says_so_is_no_machines(imap):
    imap.put(an_answer(Auto_Submitted="no"))

    assert replies_of(imap).unseen()[0].automatic is False


def test_a_mail_without_a_name_is_known_again(imap):
    imap.put(an_answer(Message_ID=""))

    first, again = replies_of(imap).unseen(), replies_of(imap).unseen()

    assert first[0].message_id == again[0].message_id
    assert first[0].message_id.endswith("@no-message-id.invalid>")


def test_a_mail_in_html_alone_is_read_as_text(imap):
    mail = EmailMessage()
    mail["From"] = "ana@example.com"
    mail.set_content(
        "<p>Fine,<br>thanks</p><div class='gmail_quote'>On Tuesday<div>911</div></div>",
        subtype="html",
    )
    imap.put(mail.as_bytes())

    assert replies_of(imap).unseen()[0].text == "Fine,\nthanks"


def test_a_broken_mail_does_not_keep_the_others_from_being_read(imap):
    imap.put(b"\xff\xfe not a mail\r\nContent-Type: text/plain; charset=no-such\r\n\r\n\xff")
    imap.put(an_answer())

    assert [email.text for email in replies_of(imap).unseen()][1:] == ["7, and it tingles"]


def test_a_mailbox_that_cannot_be_read_is_not_taken_for_an_empty_one(imap):
    wrong = ImapReplies(mailbox_at(imap.url.replace("secret", "wrong")))
    gone = ImapReplies(mailbox_at("imap://care:secret@127.0.0.1:9/INBOX"))

    for replies in (wrong, gone):
        with pytest.raises(ProviderUnavailable) as unavailable:
            replies.unseen()
        assert "care" not in str(unavailable.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "imaps://care%40bayou.example:p%3Ass@mail.example",
            MailboxAddress(
                "mail.example", 993, "from_start", "care@bayou.example", "p:ss", "INBOX"
            ),
        ),
        (
            "imap://care:x@mail.example/Answers",
            MailboxAddress("mail.example", 143, "starttls", "care", "x", "Answers"),
        ),
        (
            "imap://care:x@mail.example?starttls=no",
            MailboxAddress("mail.example", 143, "none", "care", "x", "INBOX"),
        ),
    ],
)
def test_encryption_is_required_unless_said_otherwise(url, address):
    assert mailbox_at(url) == address


@pytest.mark.parametrize("url", ["mail.example", "imaps://mail.example", "pop3://a:b@mail.example"])
def test_an_address_of_no_mailbox_is_refused(url):
    with pytest.raises(WrongMailbox):
        mailbox_at(url)
