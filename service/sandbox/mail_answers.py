"""What the patient answers to an email: written as mail programs do, posted as mail relays do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

import aiohttp

from service.sandbox.mailbox import Mail

_PATIENCE = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True)
class MailAnswer:
    """One answer that was written to an email, and what became of it."""

    mail_id: int
    at: datetime
    words: str
    fate: str


class MailAnswers:
    """Carries answers to where the clinic takes emails in, and remembers them until the end."""

    def __init__(self, inbound_url: str, now: Callable[[], datetime]) -> None:
        self._inbound_url = inbound_url
        self._now = now
        self._written: list[MailAnswer] = []

    def to(self, mail: Mail) -> list[MailAnswer]:
        """Return what was answered to an email, oldest first."""
        return [answer for answer in self._written if answer.mail_id == mail.id]

    def write(self, mail: Mail, words: str) -> MailAnswer:
        """Answer an email as the person whom it was for. Never from an event loop."""
        at = self._now()
        fate = asyncio.run(self._post(answer_to(mail, words, at).as_bytes()))
        answer = MailAnswer(mail.id, at, words, fate)
        self._written.append(answer)
        return answer

    async def _post(self, raw: bytes) -> str:
        headers = {"Content-Type": "message/rfc822"}
        try:
            async with (
                aiohttp.ClientSession(timeout=_PATIENCE) as client,
                client.post(self._inbound_url, data=raw, headers=headers) as answer,
            ):
                if answer.ok:
                    return "the clinic has it"
                return f"the clinic did not take it: answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError) as problem:
            return f"the clinic did not take it: no answer ({type(problem).__name__})"


def answer_to(mail: Mail, words: str, at: datetime) -> EmailMessage:
    """Return an answer as a mail program writes it: the new words above, the old ones quoted."""
    answered = mail.header("Message-ID") or ""
    reply = EmailMessage()
    reply["From"] = mail.recipient
    reply["To"] = parseaddr(mail.header("Reply-To") or mail.sender)[1]
    reply["Subject"] = f"Re: {mail.subject}"
    reply["Date"] = format_datetime(at)
    reply["Message-ID"] = make_msgid(domain="sandbox.invalid")
    reply["In-Reply-To"] = answered
    reply["References"] = answered
    quoted = "\n".join(f"> {line}" for line in mail.text.splitlines())
    when = mail.at.strftime("%a, %d %b %Y at %H:%M")
    reply.set_content(f"{words}\n\nOn {when}, {mail.sender} wrote:\n{quoted}\n")
    return reply
