"""Reading what patients answer by email: mail stays unread until what it says is kept."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from imap_tools import (
    AND,
    BaseMailBox,
    ImapToolsError,
    MailBox,
    MailBoxStartTls,
    MailBoxUnencrypted,
)

from service.gateways.ports import ProviderUnavailable, ReceivedEmail
from service.gateways.readable_mail import ReadableMail
from service.gateways.received_mail import as_received

ANSWER_SECONDS = 10.0
MOST_AT_ONCE = 100
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SEEN = r"(\Seen)"
_SET_ASIDE = r"(\Seen \Flagged)"


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
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._address = address
        self._answer_seconds = answer_seconds

    def unseen(self) -> list[ReceivedEmail]:
        """Return unread mail, oldest first, leaving it unread; at most `MOST_AT_ONCE`.

        Raises `ProviderUnavailable`.
        """
        with self._opened() as mailbox:
            validity = _validity(mailbox)
            mailbox.email_message_class = ReadableMail
            mails = mailbox.fetch(AND(seen=False), mark_seen=False, limit=MOST_AT_ONCE)
            # Which numbering a number belongs to: after a rebuild it may be somebody else's mail.
            return [
                as_received(cast(ReadableMail, mail), f"{validity}:{mail.uid}") for mail in mails
            ]

    def mark_seen(self, emails: Iterable[ReceivedEmail]) -> None:
        """Mark as read. Call only after they are committed. Raises `ProviderUnavailable`."""
        self._mark(emails, _SEEN)

    def set_aside(self, emails: Iterable[ReceivedEmail]) -> None:
        """Mark as read, with a star for the person who looks. Raises `ProviderUnavailable`."""
        self._mark(emails, _SET_ASIDE)

    def _mark(self, emails: Iterable[ReceivedEmail], flags: str) -> None:
        given = [email.uid.partition(":") for email in emails]
        if not given:
            return
        with self._opened() as mailbox:
            validity = _validity(mailbox)
            uids = [uid for theirs, _, uid in given if theirs == validity and uid]
            if uids:
                # `mailbox.flag` would also expunge what people have put in the bin.
                done, _ = mailbox.client.uid("STORE", ",".join(uids), "+FLAGS", flags)
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


def _validity(mailbox: BaseMailBox) -> str:
    return str(mailbox.folder.status(options=["UIDVALIDITY"])["UIDVALIDITY"])


def _leave(mailbox: BaseMailBox) -> None:
    try:
        mailbox.logout()
    except (imaplib.IMAP4.error, ImapToolsError, OSError):
        # What was asked has been answered; a bad farewell changes nothing.
        mailbox.client.shutdown()
