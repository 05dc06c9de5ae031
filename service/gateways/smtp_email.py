"""Sending email by SMTP: standard `smtplib` in a few threads, and what its answers mean."""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.gateways.ports import Outgoing

ANSWER_SECONDS = 10.0
PAUSE_AFTER_NO_CONNECTION = 5.0
PAUSE_AFTER_4XX = 60.0
PAUSE_WITHOUT_TLS = 300.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Every relay takes seven bits, and lines of this length. Headers cut into shorter ones would have a
# long unsubscribe link encoded as if it were words, and no mail program would find it.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=998)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


class WrongMailAddress(ValueError):
    """The address of a mail server cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class MailRelay:
    """The server that takes our mail. `tls` is `starttls`, `from_start` or `none`."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = None


def relay_at(url: str) -> MailRelay:
    """Read `smtp://user:password@host:587` or `smtps://…`; raises `WrongMailAddress`.

    TLS is required everywhere but on this machine, unless the address ends in `?starttls=no`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise WrongMailAddress("a mail server is written smtp://host:587 or smtps://host:465")
    wanted = parse_qs(parts.query).get("starttls", [""])[0]
    if wanted not in ("", "no", "required"):
        raise WrongMailAddress("starttls is `no` or `required`")
    tls = "starttls"
    if parts.scheme == "smtps":
        tls = "from_start"
    elif wanted == "no" or (not wanted and parts.hostname in _LOOPBACK):
        tls = "none"
    return MailRelay(
        host=parts.hostname,
        port=parts.port or (465 if tls == "from_start" else 587),
        tls=tls,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class SmtpGateway:
    """Hands mail to one relay, a connection for each mail; `now` dates it."""

    def __init__(
        self,
        relay: MailRelay,
        now: Callable[[], datetime],
        *,
        in_flight: int = 8,
        answer_seconds: float = ANSWER_SECONDS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._relay = relay
        self._now = now
        self._answer_seconds = answer_seconds
        self._trust = trust or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="smtp")
        self._away_until = 0.0
        """On `time.monotonic()`'s scale: until then the server is left alone."""

    async def close(self) -> None:
        """Wait for the mails on the wire and let go of the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Hand one email over; refused only when it was certainly not taken."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._send, outgoing)

    def _send(self, outgoing: Outgoing) -> Outcome:
        try:
            mail = as_mail(outgoing, self._now())
        except ValueError:
            return Refused(553, "the address cannot be written in an email")
        if _is_too_late(outgoing):
            return _TOO_LATE
        if time.monotonic() < self._away_until:
            # Each would wait as long as the last: texts need the places that they would take.
            return _AWAY
        try:
            server = self._connected()
        except smtplib.SMTPNotSupportedError:
            return Refused(
                None, "the mail server offers no encryption, or no login", PAUSE_WITHOUT_TLS
            )
        except smtplib.SMTPResponseException as problem:
            return _refusal(problem.smtp_code, "the mail server did not let us in")
        except (OSError, smtplib.SMTPException) as problem:
            self._away_until = time.monotonic() + PAUSE_AFTER_NO_CONNECTION
            why = f"no connection to the mail server ({type(problem).__name__})"
            return Refused(None, why, PAUSE_AFTER_NO_CONNECTION)
        try:
            return _hand_over(server, outgoing, mail)
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        relay, seconds = self._relay, self._answer_seconds
        if relay.tls == "from_start":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                relay.host, relay.port, _own_name(), timeout=seconds, context=self._trust
            )
        else:
            server = smtplib.SMTP(relay.host, relay.port, _own_name(), timeout=seconds)
        try:
            if relay.tls == "starttls":
                server.starttls(context=self._trust)
            if relay.user is not None:
                server.login(relay.user, relay.password or "")
            server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server


def as_mail(outgoing: Outgoing, now: datetime) -> EmailMessage:
    """Return the email; raises `ValueError` for an address that is none.

    Line breaks in a subject or a name become spaces, so that nobody can write headers with them.
    """
    name, sender = parseaddr(outgoing.sender)
    sender, recipient = _address(sender), _address(outgoing.recipient)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(_one_line(name), addr_spec=sender)
    mail["To"] = Address(addr_spec=recipient)
    mail["Subject"] = _one_line(outgoing.subject or "")
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id_of(outgoing)
    # Machines that answer mail by themselves leave such mail alone (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    if outgoing.reply_to:
        mail["Reply-To"] = Address(addr_spec=_address(outgoing.reply_to))
    if outgoing.unsubscribe_url:
        mail["List-Unsubscribe"] = f"<{_one_line(outgoing.unsubscribe_url)}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(outgoing.text)
    if outgoing.html is not None:
        mail.add_alternative(outgoing.html, subtype="html")
    return mail


def message_id_of(outgoing: Outgoing) -> str:
    """Return the Message-ID: the same for the same message, however often it is tried."""
    _, sender = parseaddr(outgoing.sender)
    return f"<{outgoing.id}@{_address(sender).rpartition('@')[2]}>"


_AWAY = Refused(None, "the mail server did not answer a moment ago", PAUSE_AFTER_NO_CONNECTION)
_TOO_LATE = Refused(None, "its turn came too late to be sent safely", 0.0)


def _hand_over(server: smtplib.SMTP, outgoing: Outgoing, mail: EmailMessage) -> Outcome:
    sender, recipient = mail["From"].addresses[0].addr_spec, mail["To"].addresses[0].addr_spec
    try:
        for code, _ in (server.mail(sender), server.rcpt(recipient)):
            if code >= 300:
                return _refusal(code, "the mail server refused the address")
    except (OSError, smtplib.SMTPException) as problem:
        why = f"the connection failed before the email was sent ({type(problem).__name__})"
        return Refused(None, why, PAUSE_AFTER_NO_CONNECTION)
    if _is_too_late(outgoing):
        return _TOO_LATE
    try:
        code, _ = server.data(mail.as_bytes())
    except smtplib.SMTPDataError as problem:
        return _refusal(problem.smtp_code, "the mail server refused the email")
    except (OSError, smtplib.SMTPException) as problem:
        # The final dot may have arrived, and there is nobody to ask.
        return Unclear(f"the connection failed while it was sent ({type(problem).__name__})")
    if code == 250:
        return Accepted(str(mail["Message-ID"]), "accepted")
    return _refusal(code, "the mail server refused the email")


def _refusal(code: int, reason: str) -> Outcome:
    if 400 <= code < 500:
        return Refused(code, f"{reason} for now (code {code})", PAUSE_AFTER_4XX)
    if 500 <= code < 600:
        return Refused(code, f"{reason} (code {code})")
    return Unclear(f"the mail server gave an answer that means nothing ({code})")


@cache
def _own_name() -> str:
    """Return what to say HELO with; looked up once, for it can take seconds."""
    return socket.getfqdn()


def _is_too_late(outgoing: Outgoing) -> bool:
    return outgoing.sent_by is not None and time.monotonic() >= outgoing.sent_by


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


def _address(text: str) -> str:
    """Return an address that is safe in a header and a command; raises `ValueError`."""
    if not text.isascii() or _CONTROL.search(text) or not re.fullmatch(r"[^\s<>]+@[^\s<>@]+", text):
        raise ValueError("not an email address")
    return text
