"""Asking Twilio what it took, what became of it, and what patients sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from typing import TypeVar

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.rest.api.v2010.account.message import MessageInstance

from service.gateways.ports import (
    MessageStatus,
    ProviderUnavailable,
    ReceivedMessage,
    SentMessage,
)
from service.gateways.twilio_sms import TwilioAccount

ANSWER_SECONDS = 10
_LARGEST_PAGE = 1000
T = TypeVar("T")

# The SDK logs each request with its parameters: numbers and bodies. A level of their own, because
# `logging.config`, which servers use, turns on again what was only disabled.
for _name in ("twilio.http_client", "twilio.async_http_client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class TwilioLookUps:
    """All look-ups of the ports, by Twilio's own SDK. One for each thread that asks."""

    def __init__(self, account: TwilioAccount) -> None:
        user, password = account.login
        self._http = TwilioHttpClient(timeout=ANSWER_SECONDS)
        self._client = Client(user, password, account.sid, http_client=self._http)
        self._client.api.base_url = account.api_url.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self._http.session.close()

    def sent_to(self, recipient: str, sender: str, since: datetime) -> list[SentMessage]:
        """Return our texts to `recipient` created at `since` or later, newest first.

        Raises `ProviderUnavailable`; an empty list is therefore Twilio's own "none".
        """
        return _answered(lambda: self._sent_to(recipient, sender, since))

    def sent_since(self, since: datetime, sender: str) -> list[SentMessage]:
        """Return the sender's texts created at `since` or later, newest first.

        Raises `ProviderUnavailable`; an empty list is therefore Twilio's own "none".
        """
        return _answered(lambda: self._sent_since(since, sender))

    def fetch_status(self, ref: str) -> MessageStatus | None:
        """Return where one text stands; None when Twilio knows no such text.

        Raises `ProviderUnavailable`.
        """
        return _answered(lambda: self._fetch_status(ref))

    def received_since(
        self, since: datetime, recipients: Sequence[str] = ()
    ) -> Iterator[ReceivedMessage]:
        """Yield what patients sent at `since` or later.

        `recipients` are the clinics' numbers: naming them keeps a busy account's own texts out of
        the pages. Newest first for each of them. Raises `ProviderUnavailable`, possibly half-way.
        """
        for recipient in recipients or (None,):
            next_one = partial(next, self._received(since, recipient), None)
            while (received := _answered(next_one)) is not None:
                yield received

    def _sent_to(self, recipient: str, sender: str, since: datetime) -> list[SentMessage]:
        # No DateSent filter at first: that is when Twilio sent it, and a text still in its queue
        # has none. The second question is a cross-check, should the first list be incomplete.
        lists = (
            self._client.messages.stream(to=recipient, page_size=_LARGEST_PAGE),
            self._client.messages.stream(
                to=recipient, date_sent_after=since - timedelta(days=1), page_size=_LARGEST_PAGE
            ),
        )
        return _ours(chain(*lists), sender, since)

    def _sent_since(self, since: datetime, sender: str) -> list[SentMessage]:
        # The list cannot be asked for a messaging service's texts: then it is read whole.
        asked = {"from_": sender} if sender.startswith("+") else {}
        earlier = since - timedelta(days=1)
        listed = self._client.messages.stream(
            date_sent_after=earlier, page_size=_LARGEST_PAGE, **asked
        )
        # What is still in Twilio's queue has no DateSent, and is among the newest.
        newest = takewhile(
            lambda text: text.date_created is None or text.date_created >= earlier,
            self._client.messages.stream(page_size=_LARGEST_PAGE, **asked),
        )
        return _ours(chain(listed, newest), sender, since)

    def _fetch_status(self, ref: str) -> MessageStatus | None:
        try:
            text = self._client.messages(ref).fetch()
        except TwilioRestException as problem:
            if problem.status == 404:
                return None
            raise
        return MessageStatus(ref, str(text.status), text.error_code)

    def _received(self, since: datetime, recipient: str | None) -> Iterator[ReceivedMessage]:
        asked = {} if recipient is None else {"to": recipient}
        texts = self._client.messages.stream(
            date_sent_after=since, page_size=_LARGEST_PAGE, **asked
        )
        for text in texts:
            if text.direction == "inbound":
                yield _as_received(text)


def _answered(question: Callable[[], T]) -> T:
    try:
        return question()
    except (TwilioException, requests.RequestException, ValueError) as problem:
        # Their words hold the address asked, and so the patient's number.
        why = f"the provider could not be asked ({type(problem).__name__})"
    raise ProviderUnavailable(why)


def _ours(texts: Iterable[MessageInstance], sender: str, since: datetime) -> list[SentMessage]:
    found = {
        str(text.sid): _as_sent(text)
        for text in texts
        if _is_ours(text, sender) and text.date_created and text.date_created >= since
    }
    return sorted(found.values(), key=lambda sent: sent.created_at, reverse=True)


def _is_ours(text: MessageInstance, sender: str) -> bool:
    if text.direction not in ("outbound-api", "outbound-reply"):
        return False
    return sender in (text.from_, text.messaging_service_sid)


def _as_sent(text: MessageInstance) -> SentMessage:
    return SentMessage(
        ref=str(text.sid),
        body=text.body or "",
        status=str(text.status),
        error_code=text.error_code,
        created_at=text.date_created,
        recipient=text.to or "",
    )


def _as_received(text: MessageInstance) -> ReceivedMessage:
    return ReceivedMessage(
        ref=str(text.sid),
        sender=text.from_ or "",
        recipient=text.to or "",
        body=text.body or "",
        num_media=int(text.num_media or 0),
        received_at=text.date_sent or text.date_created,
        service=text.messaging_service_sid or None,
    )
