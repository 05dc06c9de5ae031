"""What durable sending costs beside the same HTTP client with no database, in one run."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from service.bench.provider import Provider, provider_process
from service.clock import system_now
from service.domain.outcomes import Accepted, Outcome
from service.domain.protocol import CURRENT_VERSION
from service.domain.values import Channel, Language, MessageKind, MessageState, lane_of
from service.gateways.first_use import MadeAtFirstUse
from service.gateways.ports import Outgoing
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway
from service.pathway.administration import create_clinic
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.lateness import judge_again
from service.store.base import new_id
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.messages import Message
from service.store.patients import Address
from service.store.schema import migrate
from service.store.secrets import Vault

SLOTS = 100
_SECRET = "only for measuring, so it may be known to all"  # noqa: S105  # seals invented numbers
_SENDER = "+12815550000"
_A_LOT = 1_000_000.0
"""Segments a second: pacing must not be what is measured."""


def run(*, messages: int, latency: float, database_url: str | None) -> dict[str, Any]:
    """Send `messages` bare, then through the database, to one stand-in; return the figures.

    `latency` is the provider's, in seconds. The database must be empty; None: a new SQLite file.
    A message that is lost or sent twice is an error, not a figure: raises `RuntimeError`.
    """
    with tempfile.TemporaryDirectory(prefix="aftercare-bench-") as folder:
        url = database_url or f"sqlite:///{folder}/bench.db"
        with provider_process(Path(folder), latency) as provider:
            bare = _timed(lambda: asyncio.run(_send_bare(provider, messages)))
            already = provider.accepted_by_phone()
            engine = open_engine(url, Vault([_SECRET]))
            migrate(engine)
            sessions = open_sessions(engine)
            _plan(sessions, messages)
            durable = _timed(lambda: asyncio.run(_dispatch(sessions, provider, messages)))
            sent = provider.accepted_by_phone() - already
            _refuse_loss(sessions, messages, list(sent.values()))
            engine.dispose()
    return {
        "messages": messages,
        "provider_latency_ms": latency * 1000,
        "database": url.split(":", maxsplit=1)[0],
        "bare_per_second": round(messages / bare[0]),
        "durable_per_second": round(messages / durable[0]),
        "ratio": round(bare[0] / durable[0], 3),
        "cpu_ms_per_message": round(durable[1] / messages * 1000, 3),
        "cpu_ms_beyond_the_client": round((durable[1] - bare[1]) / messages * 1000, 3),
        "most_per_second_at_this_latency": round(SLOTS / latency) if latency else None,
        "lost": 0,
        "doubled": 0,
    }


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and of this process's processor."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


async def _send_bare(provider: Provider, messages: int) -> None:
    gateway = TwilioGateway(provider.account, SLOTS)
    free = asyncio.Semaphore(SLOTS)

    async def send(number: int) -> None:
        async with free:
            outcome = await gateway.send(
                Outgoing(new_id(), Channel.SMS, _SENDER, _phone(number), "A text.", valid_for=600)
            )
            if not isinstance(outcome, Accepted):
                raise TypeError(f"the stand-in did not accept a text: {outcome}")

    async with asyncio.TaskGroup() as group:
        for number in range(messages):
            group.create_task(send(number))
    await gateway.close()


class _Counted:
    """A gateway that says when the last of so many messages has been handed over."""

    def __init__(self, account: TwilioAccount, messages: int) -> None:
        self._gateway = MadeAtFirstUse(lambda: TwilioGateway(account, SLOTS))
        self._left = messages
        self.done = asyncio.Event()

    async def send(self, outgoing: Outgoing) -> Outcome:
        outcome = await self._gateway.send(outgoing)
        self._left -= 1
        if self._left == 0:
            self.done.set()
        return outcome

    async def close(self) -> None:
        await self._gateway.close()


async def _dispatch(sessions: Sessions, provider: Provider, messages: int) -> None:
    gateway = _Counted(provider.account, messages)
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: gateway},
        now=system_now,
        compose=composer("http://127.0.0.1:9", system_now),
        rejudge=judge_again,
        tempo=Tempo(slots=SLOTS),
    )
    running = asyncio.create_task(dispatcher.run())
    await gateway.done.wait()
    # Stopping waits until the last outcome is in the database: that is part of the cost.
    dispatcher.stop()
    await running


def _accepted(sessions: Sessions) -> int:
    with sessions() as db:
        counted = select(func.count()).where(Message.state == MessageState.ACCEPTED)
        return db.scalar(counted) or 0


def _plan(sessions: Sessions, messages: int) -> None:
    now = system_now()
    with sessions.begin() as db:
        clinic = create_clinic(
            db,
            name="Bench",
            time_zone="America/Chicago",
            phone="281-555-0100",
            sender=_SENDER,
            now=now,
        )
        clinic.segments_per_second = _A_LOT
        db.flush()
        addresses = [
            {
                "id": new_id(),
                "clinic_id": clinic.id,
                "channel": Channel.SMS,
                "lookup_hash": _phone(number).encode(),
                "value": _phone(number),
                "created_at": now,
            }
            for number in range(messages)
        ]
        db.execute(insert(Address), addresses)
        db.execute(
            insert(Message), [_message(clinic.id, address["id"], now) for address in addresses]
        )


def _message(clinic_id: UUID, address_id: object, now: datetime) -> dict[str, object]:
    until = now + timedelta(hours=8)
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "address_id": address_id,
        "key": "hydrate",
        "kind": MessageKind.TIP,
        "lane": int(lane_of(MessageKind.TIP)),
        "channel": Channel.SMS,
        "wording": "hydrate",
        "language": Language.EN,
        "protocol_version": CURRENT_VERSION,
        "due_at": now,
        "send_at": now,
        "send_before": until,
        "useful_until": until,
        "state": MessageState.PLANNED,
        "created_at": now,
    }


def _phone(number: int) -> str:
    return f"+1281{5_000_000 + number:07d}"


def _refuse_loss(sessions: Sessions, messages: int, copies: list[int]) -> None:
    doubled = sum(count - 1 for count in copies)
    lost = messages - len(copies)
    if lost or doubled or _accepted(sessions) != messages:
        raise RuntimeError(f"{lost} messages were lost and {doubled} sent twice")
