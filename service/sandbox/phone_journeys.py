"""Moves texts along: queued, sent, delivered or not, and tells the clinic at each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from service.sandbox.phone_courier import PhoneCourier, Webhook
from service.sandbox.phone_exchange import OptOuts, PhoneExchange
from service.sandbox.phone_webhooks import inbound_fields, status_fields
from service.sandbox.texts import FINAL, INBOUND, Text

VALIDITY_EXPIRED = 30036
_NEVER_LEFT = frozenset({30001, 30002, VALIDITY_EXPIRED})
_LOOK_AGAIN = 0.02


@dataclass(slots=True)
class Pace:
    """Real seconds between one status and the next; None: texts stay as they were taken."""

    step: float | None = 0.05


class PhoneJourneys:
    """All texts that are under way. Lives on one event loop."""

    def __init__(
        self, exchange: PhoneExchange, courier: PhoneCourier, account: str, pace: Pace
    ) -> None:
        self.pace = pace
        self.held: set[str] = set()
        """Sids of texts that a rule keeps from being sent."""
        self._exchange = exchange
        self._courier = courier
        self._account = account
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def settle(self, *, also_held: bool) -> None:
        """Wait until texts have arrived and webhooks are delivered; held texts only if asked."""
        while also_held and self._tasks:
            await asyncio.wait(self._tasks)
        await self._quiet.wait()

    async def close(self) -> None:
        """Leave texts where they are; the journal knows how far they came."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def begin(self, text: Text, failing: int | None = None) -> None:
        """Set out with a text that was taken; `failing` is the code it will end with."""
        if self.pace.step is None:
            return
        if text.recipient in self._exchange.phones_off or text.sid in self.held:
            self._run(self._wait_held(text, failing), counts=False)
        elif text.callback_url is None:
            # No one is told, so two timers do; a task each would slow a benchmark down.
            self._count(1)
            asyncio.get_running_loop().call_later(self.pace.step, self._step, text, failing)
        else:
            self._run(self._travel(text, failing))

    def announce(self, text: Text, url: str, opt_out: str | None) -> None:
        """Tell the clinic of a text that a patient sent."""
        if self._exchange.opt_outs is not OptOuts.ADVANCED:
            opt_out = None
        webhook = Webhook(url, inbound_fields(text, self._account, opt_out))
        self._run(self._announce(text, webhook))

    def resume(self) -> None:
        """Set out again with what an earlier run of the network left under way."""
        for text in self._exchange.texts.values():
            if text.direction != INBOUND and text.status not in FINAL:
                self.begin(text)

    def _step(self, text: Text, failing: int | None) -> None:
        status = _status_after(text.status, failing)
        self._exchange.move_on(text, status, failing if status in FINAL else None)
        if status in FINAL or self.pace.step is None:
            self._count(-1)
        else:
            asyncio.get_running_loop().call_later(self.pace.step, self._step, text, failing)

    async def _travel(self, text: Text, failing: int | None) -> None:
        while text.status not in FINAL:
            await asyncio.sleep(self.pace.step or 0)
            status = _status_after(text.status, failing)
            self._exchange.move_on(text, status, failing if status in FINAL else None)
            await self._report(text)

    async def _report(self, text: Text) -> None:
        if text.callback_url is not None:
            webhook = Webhook(text.callback_url, status_fields(text, self._account))
            await self._courier.report(text.sid, webhook, last=text.status in FINAL)

    async def _wait_held(self, text: Text, failing: int | None) -> None:
        while text.recipient in self._exchange.phones_off or text.sid in self.held:
            if self._exchange.is_out_of_time(text):
                self._exchange.move_on(text, "failed", VALIDITY_EXPIRED)
                await self._report(text)
                return
            await asyncio.sleep(_LOOK_AGAIN)
        await self._travel(text, failing)

    async def _announce(self, text: Text, webhook: Webhook) -> None:
        if self._courier.delivery.inbound:
            result = await self._courier.deliver(webhook)
        else:
            result = "webhooks are off"
        self._exchange.announced(text, result)

    def _run(self, journey: Coroutine[Any, Any, None], *, counts: bool = True) -> None:
        task = asyncio.get_running_loop().create_task(journey)
        self._tasks.add(task)
        self._count(counts)
        task.add_done_callback(lambda done: self._end(done, counts=counts))

    def _end(self, task: asyncio.Task[None], *, counts: bool) -> None:
        self._tasks.discard(task)
        self._count(-counts)

    def _count(self, change: int) -> None:
        self._under_way += change
        if self._under_way:
            self._quiet.clear()
        else:
            self._quiet.set()


def _status_after(status: str, failing: int | None) -> str:
    if failing in _NEVER_LEFT:
        return "failed"
    ending = "delivered" if failing is None else "undelivered"
    return {"accepted": "queued", "queued": "sent", "sending": "sent"}.get(status, ending)
