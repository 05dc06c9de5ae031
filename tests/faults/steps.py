"""The steps of a worker or of the web, at each of which something can be made to happen.

They are counted from outside, at the engine and around the provider: the service has no failpoints.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

import aiohttp
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from service.domain.outcomes import Outcome
from service.gateways.ports import MessageStatus, Outgoing, SentMessage
from service.gateways.twilio_lookups import TwilioLookUps
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway
from service.store.engine import Sessions

IN_TRANSACTION = ("statement", "before_commit")
AT_THE_PROVIDER = ("before_post", "after_check", "in_post", "after_post", "before_ask", "after_ask")
STEPS = (*IN_TRANSACTION, "after_commit", *AT_THE_PROVIDER)

ANSWER_SECONDS = 0.4
"""How long these workers wait for the provider: a hang is waited for hundreds of times."""

_SENDING: ContextVar[UUID] = ContextVar("sending")


class Steps:
    """Counts steps by name; at the `nth` of the name `at`, does `act`, once.

    With `not_in_gap` it waits for a step of that name at which no text of this process is just
    between the last look at the clock and its first byte (`reliability` 2.2, step 8).
    """

    def __init__(
        self,
        at: str = "",
        nth: int = 1,
        act: Callable[[], None] = lambda: None,
        *,
        not_in_gap: bool = False,
    ) -> None:
        self._at, self._nth, self._act, self._not_in_gap = at, nth, act, not_in_gap
        self._lock = threading.Lock()
        self.struck = False
        self.in_gap: set[UUID] = set()
        """Texts for which the clock was looked at last, and no byte has left yet."""
        self.calls: list[float] = []
        """How many seconds each post took, well or not."""

    def aim(self, at: str, nth: int, act: Callable[[], None], *, not_in_gap: bool = False) -> None:
        """Do `act` at the `nth` step of that name from now on."""
        with self._lock:
            self._at, self._nth, self._act, self.struck = at, nth, act, False
            self._not_in_gap = not_in_gap

    def disarm(self) -> bool:
        """Strike no more; return whether it has struck, or is just about to."""
        with self._lock:
            struck, self._at, self.struck = self.struck, "", False
            return struck

    def passed(self, name: str) -> None:
        """A step is reached."""
        with self._lock:
            if self.struck or name != self._at:
                return
            self._nth -= 1
            self.struck = self._nth <= 0 and not (self._not_in_gap and self.in_gap)
            strikes = self.struck
        if strikes:
            self._act()


def stepping(engine: Engine, steps: Steps) -> Sessions:
    """Return sessions on this engine whose statements and commits are steps."""

    class Stepping(Session):
        """Says when a commit is done."""

    event.listen(engine, "before_cursor_execute", lambda *_: steps.passed("statement"))
    event.listen(engine, "commit", lambda _: steps.passed("before_commit"))
    event.listen(Stepping, "after_commit", lambda _: steps.passed("after_commit"))
    return sessionmaker(engine, class_=Stepping, expire_on_commit=False)


class SteppingGateway(TwilioGateway):
    """The real gateway, with steps before, in and after the post."""

    def __init__(self, account: TwilioAccount, steps: Steps, seconds: float = ANSWER_SECONDS):
        super().__init__(account, answer_seconds=seconds)
        self._steps = steps
        tracing = aiohttp.TraceConfig()
        tracing.on_request_chunk_sent.append(self._is_out)
        tracing.freeze()
        self._client.trace_configs.append(tracing)

    async def send(self, outgoing: Outgoing) -> Outcome:
        self._steps.passed("before_post")
        _SENDING.set(outgoing.id)
        began = time.monotonic()
        try:
            outcome = await super().send(outgoing)
        finally:
            self._steps.in_gap.discard(outgoing.id)
            self._steps.calls.append(time.monotonic() - began)
        self._steps.passed("after_post")
        return outcome

    def _patience_for(self, outgoing: Outgoing) -> Any:
        patience = super()._patience_for(outgoing)
        if patience is not None:
            self._steps.in_gap.add(outgoing.id)
        # Between the last look at the clock and the first byte.
        self._steps.passed("after_check")
        return patience

    async def _is_out(self, *_: object) -> None:
        # Told of just before it is written: the next turn of the loop comes after that.
        asyncio.get_running_loop().call_soon(self._wrote, _SENDING.get())

    def _wrote(self, text: UUID) -> None:
        """The request has been given to the socket; its answer is on its way."""
        self._steps.in_gap.discard(text)
        self._steps.passed("in_post")


class SteppingLookUps:
    """The real look-ups, with steps before and after the provider is asked."""

    def __init__(self, account: TwilioAccount, steps: Steps) -> None:
        self._asked, self._steps = TwilioLookUps(account), steps

    def sent_to(self, recipient: str, sender: str, since: datetime) -> list[SentMessage]:
        self._steps.passed("before_ask")
        found = self._asked.sent_to(recipient, sender, since)
        self._steps.passed("after_ask")
        return found

    def fetch_status(self, ref: str) -> MessageStatus | None:
        return self._asked.fetch_status(ref)
