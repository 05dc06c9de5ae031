"""What durable sending costs beside the same HTTP client with no database, in one run."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import func, select

from service.bench.databases import SENDER, Measured, measured_database, owe, phone
from service.bench.provider import provider_process
from service.bench.servers import SECRET
from service.clock import system_now
from service.domain.outcomes import Accepted, Outcome
from service.domain.values import Channel, MessageState
from service.gateways.first_use import MadeAtFirstUse
from service.gateways.ports import Outgoing
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.lateness import judge_again
from service.store.base import new_id
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.messages import Message
from service.store.secrets import Vault

SLOTS = 100
_PUBLIC_URL = "http://127.0.0.1:9"
_TEXT = (
    "Bench: Keep sipping water for the rest of the day. Our therapists suggest it to help sore "
    "muscles recover. Reply STOP to end texts."
)
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process spent: seconds on the wall and of its processor."""

    wall: float
    processor: float


def run(*, messages: int, latency: float, workers: int, database_url: str | None) -> dict[str, Any]:
    """Send `messages` bare, then through the database, to one stand-in; return the figures.

    `latency` is the provider's, in seconds; the workers share 100 slots between them. A message
    that is lost or sent twice is an error, not a figure: raises `RuntimeError`.
    """
    slots = max(1, SLOTS // workers)
    with (
        TemporaryDirectory(prefix="aftercare-bench-") as folder,
        measured_database(database_url) as database,
        provider_process(Path(folder), latency) as provider,
    ):
        each = messages // workers
        bare = _in_processes(workers, partial(_send_bare, provider.account, each, slots))
        already = provider.accepted_by_phone()
        owe(database, each * workers, lambda _: system_now())
        durable = _in_processes(workers, partial(_dispatch, database.url, provider.account, slots))
        sent = provider.accepted_by_phone() - already
        _refuse_loss(database, each * workers, list(sent.values()))
    sent_bare, sent_durably = (_per_second(each * workers, spent) for spent in (bare, durable))
    return {
        "messages": each * workers,
        "provider_latency_ms": latency * 1000,
        "database": database.kind,
        "workers": workers,
        "in_flight": slots * workers,
        "bare_per_second": round(sent_bare),
        "durable_per_second": round(sent_durably),
        "ratio": round(sent_durably / sent_bare, 3),
        "cpu_ms_per_message": _cpu_ms(durable, each * workers),
        "cpu_ms_beyond_the_client": round(
            _cpu_ms(durable, each * workers) - _cpu_ms(bare, each * workers), 3
        ),
        "of_what_this_latency_allows": (
            round(sent_durably * latency / (slots * workers), 3) if latency else None
        ),
        "lost": 0,
        "doubled": 0,
    }


def _in_processes(workers: int, work: Callable[[], Spent]) -> list[Spent]:
    """Do the work in so many fresh processes at once; starting them is not counted."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        return [waiting.get() for waiting in [pool.apply_async(work) for _ in range(workers)]]


def _per_second(messages: int, spent: list[Spent]) -> float:
    return messages / max(one.wall for one in spent)


def _cpu_ms(spent: list[Spent], messages: int) -> float:
    return round(sum(one.processor for one in spent) / messages * 1000, 3)


def _timed(work: Callable[[], object]) -> Spent:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - wall, time.process_time() - processor)


def _send_bare(account: TwilioAccount, messages: int, slots: int) -> Spent:
    return _timed(lambda: asyncio.run(_send_all(account, messages, slots)))


async def _send_all(account: TwilioAccount, messages: int, slots: int) -> None:
    gateway = TwilioGateway(account, slots)
    numbers = iter(range(messages))

    async def keep_sending() -> None:
        for number in numbers:
            id = new_id()
            outcome = await gateway.send(
                Outgoing(
                    id,
                    Channel.SMS,
                    SENDER,
                    phone(number),
                    _TEXT,
                    valid_for=600,
                    callback_url=f"{_PUBLIC_URL}/webhooks/twilio/status/{id}",
                )
            )
            if not isinstance(outcome, Accepted):
                raise TypeError(f"the stand-in did not accept a text: {outcome}")

    async with asyncio.TaskGroup() as group:
        for _ in range(slots):
            group.create_task(keep_sending())
    await gateway.close()


def _dispatch(url: str, account: TwilioAccount, slots: int) -> Spent:
    engine = open_engine(url, Vault([SECRET]))
    try:
        return _timed(
            lambda: asyncio.run(_send_what_is_owed(open_sessions(engine), account, slots))
        )
    finally:
        engine.dispose()


async def _send_what_is_owed(sessions: Sessions, account: TwilioAccount, slots: int) -> None:
    gateway = _Noticed(account, slots)
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: gateway},
        now=system_now,
        compose=composer(_PUBLIC_URL, system_now),
        rejudge=judge_again,
        tempo=Tempo(slots=slots),
    )
    running = asyncio.create_task(dispatcher.run())
    while await asyncio.to_thread(_is_owed, sessions):
        await gateway.idle.wait()
        gateway.idle.clear()
    # Stopping waits until the last outcome is in the database: that is part of the cost.
    dispatcher.stop()
    await running


class _Noticed:
    """A gateway that says when nothing has been on the wire for a moment."""

    def __init__(self, account: TwilioAccount, slots: int) -> None:
        self._gateway = MadeAtFirstUse(lambda: TwilioGateway(account, slots))
        self._on_the_wire = 0
        self.idle = asyncio.Event()

    async def send(self, outgoing: Outgoing) -> Outcome:
        self._on_the_wire += 1
        try:
            return await self._gateway.send(outgoing)
        finally:
            self._on_the_wire -= 1
            if self._on_the_wire == 0:
                asyncio.get_running_loop().call_later(_LOOK, self._say_if_idle)

    def _say_if_idle(self) -> None:
        if self._on_the_wire == 0:
            self.idle.set()

    async def close(self) -> None:
        await self._gateway.close()


def _is_owed(sessions: Sessions) -> bool:
    with sessions() as db:
        planned = select(Message.id).where(Message.state == MessageState.PLANNED).limit(1)
        return db.scalar(planned) is not None


def _refuse_loss(database: Measured, messages: int, copies: list[int]) -> None:
    with database.sessions() as db:
        counted = select(func.count()).where(Message.state == MessageState.ACCEPTED)
        accepted = db.scalar(counted) or 0
    doubled = sum(count - 1 for count in copies)
    lost = messages - len(copies)
    if lost or doubled or accepted != messages:
        raise RuntimeError(f"{lost} messages were lost and {doubled} sent twice")
