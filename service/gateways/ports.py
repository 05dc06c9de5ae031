"""What the pathway may ask of a message provider, and nothing about any one of them."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from service.domain.outcomes import Outcome
from service.domain.values import Channel


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to go: everything the provider is told.

    `sender` is a phone number in E.164, the sid of a messaging service (`MG…`), or an email
    address. `valid_for` is how many seconds the provider may hold the text before it must give
    up. `sent_by` is a moment on `time.monotonic()`'s scale: when it has passed, the gateway
    abandons the message before a byte has left, and says so with a retryable `Refused`.
    """

    id: UUID
    channel: Channel
    sender: str
    recipient: str
    text: str
    valid_for: int | None = None
    callback_url: str | None = None
    subject: str | None = None
    html: str | None = None
    unsubscribe_url: str | None = None
    reply_to: str | None = None
    sent_by: float | None = None


class Gateway(typing.Protocol):
    """A provider that takes messages, one method wide."""

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Hand one message over. Always with a timeout; expected refusals are returned."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class ProviderUnavailable(Exception):
    """A look-up could not be answered now; what we know has not changed, so ask again later."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What the provider remembers of a text it took. Statuses are the provider's own words."""

    ref: str
    body: str
    status: str
    error_code: int | None
    created_at: datetime
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A text a patient sent, as the provider's list shows it.

    `recipient` is the number it was sent to, `service` the messaging service that number is of.
    """

    ref: str
    sender: str
    recipient: str
    body: str
    num_media: int
    received_at: datetime
    service: str | None = None


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """Where the provider says one message stands."""

    ref: str
    status: str
    error_code: int | None


class SentLookUp(typing.Protocol):
    """Asks the provider what it took, to settle sends that ended unclear."""

    def sent_to(self, recipient: str, sender: str, since: datetime) -> list[SentMessage]:
        """Return our texts to `recipient` created at `since` or later, newest first.

        Raises `ProviderUnavailable`; an empty list is therefore the provider's own "none".
        """
        ...

    def fetch_status(self, ref: str) -> MessageStatus | None:
        """Return where one message stands; None when the provider knows no such message.

        Raises `ProviderUnavailable`.
        """
        ...


class SentSince(typing.Protocol):
    """Asks the provider for all that a sender sent, to catch up with what we no longer know."""

    def sent_since(self, since: datetime, sender: str) -> list[SentMessage]:
        """Return the sender's texts created at `since` or later, newest first.

        Raises `ProviderUnavailable`; an empty list is therefore the provider's own "none".
        """
        ...


class InboundLookUp(typing.Protocol):
    """Asks the provider for texts whose webhook never reached us."""

    def received_since(
        self, since: datetime, recipients: Sequence[str] = ()
    ) -> Iterator[ReceivedMessage]:
        """Yield what patients sent at `since` or later; `recipients` are the clinics asked for.

        Raises `ProviderUnavailable`, possibly half-way: keep a watermark only after the end.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bounce:
    """A mail server's final word on one of our emails: it did not arrive.

    `message_id` is ours, if the report names it, and `recipient` whom it was for; `status` is an
    enhanced code as `5.1.1` (RFC 3463), or empty.
    """

    message_id: str
    recipient: str
    status: str


@dataclass(frozen=True, slots=True)
class ReceivedEmail:
    """An email a patient sent: `text` is what they wrote, without the mail they quote.

    `only_quotes` is true when they wrote nothing, so that `text` is the quoted mail. `answers` are
    the message ids it refers to, nearest first; `recipients` every address it was sent to. `media`
    holds a reference and the type of each photo or recording; the files stay where the mail is.
    `automatic` is true for out-of-office notes, bounces and lists: shown to staff, never taken for
    an answer.
    """

    message_id: str
    answers: tuple[str, ...]
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    only_quotes: bool = False
    automatic: bool = False
    media: tuple[tuple[str, str], ...] = ()
    bounce: Bounce | None = None
    uid: str = field(compare=False, default="")


class EmailReplies(typing.Protocol):
    """A mailbox that is polled for patients' answers."""

    def unseen(self) -> list[ReceivedEmail]:
        """Return unread mail, oldest first, leaving it unread. Raises `ProviderUnavailable`."""
        ...

    def mark_seen(self, emails: typing.Iterable[ReceivedEmail]) -> None:
        """Mark as read. Call only after they are committed. Raises `ProviderUnavailable`."""
        ...

    def set_aside(self, emails: typing.Iterable[ReceivedEmail]) -> None:
        """Mark as read, and for a person to look at: they belong to no clinic of ours."""
        ...
