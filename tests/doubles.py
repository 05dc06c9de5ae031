"""Counterparts that record what they were asked, in place of the world outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.domain.outcomes import Accepted, Outcome
from service.gateways.ports import (
    MessageStatus,
    Outgoing,
    ProviderUnavailable,
    ReceivedMessage,
    SentMessage,
)


def accepting(outgoing: Outgoing) -> Outcome:
    """A provider that takes everything, and names each message after ours."""
    return Accepted(f"SM{outgoing.id.hex}", "queued", 1)


@dataclass
class RecordingGateway:
    """A provider in memory: `sent` is everything that was handed to it, in order.

    With `gate`, each send waits until the gate opens; `reached` is set when a send has begun.
    """

    answer: Callable[[Outgoing], Outcome] = accepting
    gate: asyncio.Event | None = None
    sent: list[Outgoing] = field(default_factory=list)
    most_at_once: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _now: int = 0

    async def send(self, outgoing: Outgoing) -> Outcome:
        self.sent.append(outgoing)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.reached.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
            else:
                await asyncio.sleep(0)
            return self.answer(outgoing)
        finally:
            self._now -= 1

    async def close(self) -> None:
        """Nothing to let go of."""

    def ids(self) -> list[UUID]:
        """The messages handed over, in order."""
        return [outgoing.id for outgoing in self.sent]


@dataclass
class RememberingProvider:
    """A provider that can be asked what it took, `taken`, and what came in, newest first."""

    taken: list[SentMessage] = field(default_factory=list)
    received: list[ReceivedMessage] = field(default_factory=list)
    away: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)

    def sent_to(self, recipient: str, sender: str, since: datetime) -> list[SentMessage]:
        self.asked.append((recipient, sender))
        if self.away:
            raise ProviderUnavailable("away")
        return [one for one in self.taken if one.created_at >= since]

    def sent_since(self, since: datetime, sender: str) -> list[SentMessage]:
        self.asked.append(("", sender))
        if self.away:
            raise ProviderUnavailable("away")
        return [one for one in self.taken if one.created_at >= since]

    def received_since(
        self, since: datetime, recipients: Sequence[str] = ()
    ) -> Iterator[ReceivedMessage]:
        if self.away:
            raise ProviderUnavailable("away")
        yield from (one for one in self.received if one.received_at >= since)

    def fetch_status(self, ref: str) -> MessageStatus | None:
        found = [one for one in self.taken if one.ref == ref]
        return MessageStatus(ref, found[0].status, found[0].error_code) if found else None


class RunningClock:
    """A clock that shows `start` when made, and runs as fast as the real one."""

    def __init__(self, start: datetime) -> None:
        self._offset = start.astimezone(UTC) - timedelta(seconds=time.monotonic())

    def __call__(self) -> datetime:
        return self._offset + timedelta(seconds=time.monotonic())
