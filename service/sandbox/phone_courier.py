"""Carries signed webhooks to the clinic, as Twilio does: once, or badly on purpose."""

from __future__ import annotations

import asyncio
import random
import secrets
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from twilio.request_validator import HMAC_SHA1, RequestValidator

TIMEOUT = aiohttp.ClientTimeout(total=15)
"""Twilio's read timeout for webhooks."""


class Order(StrEnum):
    """In which order the status callbacks of one text are delivered."""

    KEPT = "kept"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"


@dataclass(slots=True)
class Delivery:
    """How webhooks are delivered. `again_after` is seconds; `copies` counts the first one in."""

    tries: int = 2
    again_after: float = 0.2
    copies: int = 1
    order: Order = Order.KEPT
    callbacks: bool = True
    """False: no status callback is ever sent, and the sender must ask."""
    inbound: bool = True
    """False: no inbound text is ever announced, and the clinic must ask."""
    algorithm: str = HMAC_SHA1


@dataclass(frozen=True, slots=True)
class Webhook:
    """One request that the clinic should get."""

    url: str
    fields: dict[str, str]


class PhoneCourier:
    """Signs webhooks with the account's token and posts them."""

    def __init__(self, auth_token: str, delivery: Delivery) -> None:
        self.delivery = delivery
        self._signer = RequestValidator(auth_token)
        self._waiting: dict[str, list[Webhook]] = {}
        self._chance = random.Random(1)  # noqa: S311 - replays the same disorder
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.close()

    async def report(self, sid: str, webhook: Webhook, *, last: bool) -> None:
        """Deliver a status callback in the order that was asked for."""
        if not self.delivery.callbacks:
            return
        if self.delivery.order is Order.KEPT:
            await self.deliver(webhook)
            return
        self._waiting.setdefault(sid, []).append(webhook)
        if last:
            due = self._waiting.pop(sid)[::-1]
            if self.delivery.order is Order.SHUFFLED:
                self._chance.shuffle(due)
            for each in due:
                await self.deliver(each)

    async def deliver(self, webhook: Webhook) -> str:
        """Post a webhook, and its copies; return what a person would say became of it."""
        token = secrets.token_hex(16)
        results = [await self._persist(webhook, token) for _ in range(self.delivery.copies)]
        return results[-1]

    async def _persist(self, webhook: Webhook, token: str) -> str:
        result = "not tried"
        for left in reversed(range(self.delivery.tries)):
            result, done = await self._try(webhook, token)
            if done or not left:
                return result
            await asyncio.sleep(self.delivery.again_after)
        return result

    async def _try(self, webhook: Webhook, token: str) -> tuple[str, bool]:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=TIMEOUT)
        headers = self._headers(webhook, token)
        try:
            async with self._client.post(
                webhook.url, data=webhook.fields, headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                return f"answered {answer.status}", answer.status < 500
        except (aiohttp.ClientError, TimeoutError) as problem:
            return f"no answer ({type(problem).__name__})", False

    def _headers(self, webhook: Webhook, token: str) -> dict[str, str]:
        algorithm = self.delivery.algorithm
        signature = self._signer.compute_signature(webhook.url, webhook.fields, algorithm)
        headers = {"X-Twilio-Signature": signature, "I-Twilio-Idempotency-Token": token}
        if algorithm != HMAC_SHA1:
            headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=sandbox,algorithm={algorithm}"
        return headers
