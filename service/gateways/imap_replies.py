"""Reading what patients answer by email: mail stays unread until what it says is kept."""

from __future__ import annotations

import hashlib
import imaplib
import re
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

from imap_tools import (
    AND,
    BaseMailBox,
    ImapToolsError,
    MailBox,
    MailBoxStartTls,
    MailBoxUnencrypted,
    MailMessage,
)

from service.gateways.email_text import own_words, words_of_html
from service.gateways.ports import ProviderUnavailable, ReceivedEmail

ANSWER_SECONDS = 10.0
MOST_AT_ONCE = 100
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_LONGEST_ON_THE_WAY = timedelta(days=14)
_ROBOTS = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply)@", re.IGNORECASE)


class WrongMailbox(ValueError):
    """The address of a mailbox cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class MailboxAddress:
    """Where answers arrive. `tls` is `from_start`, `starttls` or `none`."""

    host: str
    port: int
    tls: str
    user: str
    password: str
    folder: str


def mailbox_at(url: str) -> MailboxAddress:
    """Read `imaps://user:password@host/INBOX` or `imap://…`; raises `WrongMailbox`.

    TLS is required everywhere but on this machine, unless the address ends in `?starttls=no`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
        raise WrongMailbox("a mailbox is written imaps://user:password@host/INBOX")
    wanted = parse_qs(parts.query).get("starttls", [""])[0]
    tls = "starttls"
    if parts.scheme == "imaps":
        tls = "from_start"
    elif wanted == "no" or (not wanted and parts.hostname in _LOOPBACK):
        tls = "none"
    return MailboxAddress(
        host=parts.hostname,
        port=parts.port or (993 if tls == "from_start" else 143),
        tls=tls,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        folder=unquote(parts.path.strip("/")) or "INBOX",
    )


class ImapReplies:
    """The mailbox that patients answer to; a connection for each poll."""

    def __init__(
        self,
        address: MailboxAddress,
        now: Callable[[], datetime],
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._address = address
        self._now = now
        self._answer_seconds = answer_seconds

    def unseen(self) -> list[ReceivedEmail]:
        """Return unread mail, oldest first, leaving it unread; at most `MOST_AT_ONCE`.

        Raises `ProviderUnavailable`.
        """
        with self._opened() as mailbox:
            validity = _validity(mailbox)
            mails = mailbox.fetch(AND(seen=False), mark_seen=False, limit=MOST_AT_ONCE)
            return [as_received(mail, validity, self._now()) for mail in mails]

    def mark_seen(self, emails: Iterable[ReceivedEmail]) -> None:
        """Mark as read. Call only after they are committed. Raises `ProviderUnavailable`."""
        given = [email.uid.partition(":") for email in emails]
        if not given:
            return
        with self._opened() as mailbox:
            # After a rebuild of the mailbox the same number may be somebody else's mail.
            validity = _validity(mailbox)
            uids = [uid for theirs, _, uid in given if theirs == validity and uid]
            if uids:
                # `mailbox.flag` would also expunge what people have put in the bin.
                done, _ = mailbox.client.uid("STORE", ",".join(uids), "+FLAGS", r"(\Seen)")
                if done != "OK":
                    raise imaplib.IMAP4.error

    @contextmanager
    def _opened(self) -> Iterator[BaseMailBox]:
        try:
            mailbox = self._connected()
            try:
                address = self._address
                mailbox.login(address.user, address.password, address.folder)
                yield mailbox
            finally:
                _leave(mailbox)
            return
        except (imaplib.IMAP4.error, ImapToolsError, OSError) as problem:
            # Their words may hold an address or a password.
            why = f"the mailbox could not be read ({type(problem).__name__})"
        raise ProviderUnavailable(why)

    def _connected(self) -> BaseMailBox:
        address, seconds = self._address, self._answer_seconds
        if address.tls == "none":
            return MailBoxUnencrypted(address.host, address.port, timeout=seconds)
        trust = ssl.create_default_context()
        if address.tls == "starttls":
            return MailBoxStartTls(address.host, address.port, timeout=seconds, ssl_context=trust)
        return MailBox(address.host, address.port, timeout=seconds, ssl_context=trust)


def as_received(mail: MailMessage, validity: str, now: datetime) -> ReceivedEmail:
    """Return what matters of a mail. `validity` says which numbering its uid belongs to."""
    text = mail.text if mail.text.strip() else words_of_html(mail.html)
    ids = _MESSAGE_ID.findall(_header(mail, "message-id"))
    answers = [
        *_MESSAGE_ID.findall(_header(mail, "in-reply-to")),
        *reversed(_MESSAGE_ID.findall(_header(mail, "references"))),
    ]
    return ReceivedEmail(
        message_id=ids[0] if ids else _name_for(mail),
        answers=tuple(dict.fromkeys(answers)),
        sender=mail.from_,
        recipient=mail.to[0] if mail.to else "",
        subject=mail.subject,
        text=own_words(text),
        automatic=is_automatic(mail),
        received_at=_believable(mail.date, now),
        uid=f"{validity}:{mail.uid}",
    )


def is_automatic(mail: MailMessage) -> bool:
    """Did a machine write it: an out-of-office note, a bounce, a list?"""
    marks = (
        _header(mail, "auto-submitted").lower() not in ("", "no"),
        _header(mail, "precedence").lower() in ("bulk", "junk", "list", "auto_reply"),
        bool(_header(mail, "x-autoreply") or _header(mail, "x-autorespond")),
        bool(_header(mail, "list-id")),
        _header(mail, "return-path").strip() == "<>",
        mail.obj.get_content_type() == "multipart/report",
        bool(_ROBOTS.match(mail.from_)),
    )
    return any(marks)


def _header(mail: MailMessage, name: str) -> str:
    return " ".join(str(value) for value in mail.obj.get_all(name, ()))


def _name_for(mail: MailMessage) -> str:
    """Name a mail that came without a name, the same whenever it is read."""
    return f"<{hashlib.sha256(mail.obj.as_bytes()).hexdigest()}@no-message-id.invalid>"


def _believable(written: datetime, now: datetime) -> datetime:
    """Return the sender's date unless it cannot be; their clock may be wrong, or lie."""
    if written.tzinfo is None or not now - _LONGEST_ON_THE_WAY <= written <= now:
        return now
    return written.astimezone(now.tzinfo)


def _validity(mailbox: BaseMailBox) -> str:
    return str(mailbox.folder.status(options=["UIDVALIDITY"])["UIDVALIDITY"])


def _leave(mailbox: BaseMailBox) -> None:
    try:
        mailbox.logout()
    except (imaplib.IMAP4.error, ImapToolsError, OSError):
        # What was asked has been answered; a bad farewell changes nothing.
        mailbox.client.shutdown()
