"""The pretend mailboxes: takes every email over real SMTP and keeps it to be looked at."""

from __future__ import annotations

import asyncio
import email.policy
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from enum import StrEnum
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from service.sandbox.journal import Entry, Journal, read_journal
from service.sandbox.loop_thread import LoopThread

_LINK = re.compile(r"https?://[^\s<>\"')]+")


class MailTrouble(StrEnum):
    """The ways in which handing over an email can go wrong."""

    REFUSE_RECIPIENT = "refuse_recipient"
    """RCPT is answered with `code`."""
    REFUSE_MAIL = "refuse_mail"
    """The final dot is answered with `code`; not taken."""
    CUT_UNTAKEN = "cut_untaken"
    """The line is cut after the final dot; not taken."""
    TAKE_AND_CUT = "take_and_cut"
    """The line is cut after the final dot; taken."""
    HANG = "hang"
    """The final dot is never answered; not taken."""


@dataclass(slots=True)
class MailRule:
    """What goes wrong with the next `times` emails to `to`; empty fits all, None is for ever."""

    trouble: MailTrouble
    to: str = ""
    times: int | None = None
    code: int = 550


@dataclass(frozen=True, slots=True)
class Mail:
    """One email that arrived. `links` are the addresses in its plain text."""

    id: int
    at: datetime
    recipient: str
    sender: str
    subject: str
    text: str
    html: str | None
    headers: tuple[tuple[str, str], ...]
    links: tuple[str, ...]

    def header(self, name: str) -> str | None:
        """Return a header's value; None when it is absent."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


class Mailbox:
    """An SMTP server on its own thread. With a `journal`, mails outlive it."""

    def __init__(self, now: Callable[[], datetime], *, journal: Path | None = None) -> None:
        self.url = ""
        """Where it listens, once it is started, as a setting would say it."""
        self._now = now
        self._mails: list[Mail] = []
        self._rules: list[MailRule] = []
        self._lock = threading.Lock()
        for entry in read_journal(journal) if journal is not None else ():
            self._mails.append(_mail_from(entry, len(self._mails) + 1))
        self._journal = Journal(journal)
        self._thread = LoopThread("mailbox")
        self._server: asyncio.Server | None = None

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; return the address."""
        self._thread.start()
        bound = self._thread.run(self._open(host, port))
        self.url = f"smtp://{host}:{bound}"
        return self.url

    def stop(self) -> None:
        """Stop at once."""
        self._thread.run(self._close())
        self._thread.stop()
        self._journal.close()

    def mails(self) -> list[Mail]:
        """Return every email, the newest first."""
        with self._lock:
            return self._mails[::-1]

    def mail(self, mail_id: int) -> Mail | None:
        """Return one email; None when there is no such."""
        with self._lock:
            return self._mails[mail_id - 1] if 0 < mail_id <= len(self._mails) else None

    def break_with(self, rule: MailRule) -> None:
        """Let something go wrong with the next emails that the rule fits."""
        with self._lock:
            self._rules.append(rule)

    def mend(self) -> None:
        """Take back all rules."""
        with self._lock:
            self._rules.clear()

    def keep(self, recipient: str, raw: bytes) -> None:
        """Put an email into the mailbox."""
        entry: Entry = {
            "event": "mail",
            "at": self._now().isoformat(),
            "recipient": recipient,
            "raw": raw.decode("latin-1"),
        }
        with self._lock:
            self._journal.write(entry)
            self._mails.append(_mail_from(entry, len(self._mails) + 1))

    def trouble_for(self, recipient: str, *kinds: MailTrouble) -> MailRule | None:
        """Return the rule of these kinds that fits, and count it as used."""
        with self._lock:
            for rule in self._rules:
                if rule.trouble in kinds and rule.to in ("", recipient):
                    if rule.times is not None:
                        rule.times -= 1
                        self._rules = [left for left in self._rules if left.times != 0]
                    return rule
        return None

    async def _open(self, host: str, port: int) -> int:
        loop = asyncio.get_running_loop()
        handler = _Handler(self)
        self._server = await loop.create_server(
            lambda: SMTP(handler, hostname="sandbox.invalid", ident="Aftercare sandbox", loop=loop),
            host,
            port,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


class _Handler:
    """What aiosmtpd asks at each step of a conversation; it prescribes the names."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        rule = self._mailbox.trouble_for(address, MailTrouble.REFUSE_RECIPIENT)
        if rule is not None:
            return f"{rule.code} refused on purpose"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002
        envelope: Envelope,
    ) -> str:
        recipients = envelope.rcpt_tos
        rule = self._mailbox.trouble_for(recipients[0], *(set(MailTrouble) - _AT_RCPT))
        trouble = rule.trouble if rule else None
        if rule is not None and trouble is MailTrouble.REFUSE_MAIL:
            return f"{rule.code} refused on purpose"
        if trouble is MailTrouble.HANG:
            await asyncio.Event().wait()
        if trouble is not MailTrouble.CUT_UNTAKEN:
            for recipient in recipients:
                self._mailbox.keep(recipient, bytes(envelope.original_content or b""))
        cut = trouble in (MailTrouble.CUT_UNTAKEN, MailTrouble.TAKE_AND_CUT)
        if cut and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "250 OK"


_AT_RCPT = frozenset({MailTrouble.REFUSE_RECIPIENT})


def _mail_from(entry: Entry, mail_id: int) -> Mail:
    raw = entry["raw"].encode("latin-1")
    message = email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
    text, html = _part(message, "plain"), _part(message, "html")
    return Mail(
        id=mail_id,
        at=datetime.fromisoformat(entry["at"]),
        recipient=entry["recipient"],
        sender=str(message.get("From", "")),
        subject=str(message.get("Subject", "")),
        text=text or "",
        html=html,
        headers=tuple((name, str(value)) for name, value in message.items()),
        links=tuple(dict.fromkeys(_LINK.findall(text or ""))),
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())
