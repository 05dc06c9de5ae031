"""How late a message is handed over when they fall due one after the other."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from service.bench.databases import Measured, measured_database, owe
from service.bench.provider import provider_process
from service.clock import system_now
from service.domain.outcomes import Outcome
from service.domain.values import Channel
from service.gateways.first_use import MadeAtFirstUse
from service.gateways.ports import Outgoing
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.store.messages import Message

_BEGIN_IN = timedelta(seconds=3)
"""The first is due so long after the worker's first look."""


def run(*, messages: int, rate: float, database_url: str | None) -> dict[str, Any]:
    """Plan `messages`, `rate` of them due a second, and return how late each left, in ms.

    Raises `RuntimeError` when one left before its time.
    """
    with (
        TemporaryDirectory(prefix="aftercare-bench-") as folder,
        measured_database(database_url) as database,
        provider_process(Path(folder), 0.0) as provider,
    ):
        first = system_now() + _BEGIN_IN
        owe(database, messages, lambda number: first + timedelta(seconds=number / rate))
        left_at = asyncio.run(_dispatch(database, provider.account, messages))
        with database.sessions() as db:
            due = {row.id: row.send_at for row in db.execute(select(Message.id, Message.send_at))}
    late = [(left_at[id] - send_at).total_seconds() * 1000 for id, send_at in due.items()]
    if min(late) < 0:
        raise RuntimeError(f"a message left {-min(late):.1f} ms before its time")
    cuts = quantiles(late, n=100, method="inclusive")
    return {
        "messages": messages,
        "due_per_second": rate,
        "database": database.kind,
        "late_ms_p50": round(cuts[49], 1),
        "late_ms_p99": round(cuts[98], 1),
        "late_ms_most": round(max(late), 1),
    }


async def _dispatch(
    database: Measured, account: TwilioAccount, messages: int
) -> dict[object, datetime]:
    gateway = _Watched(account, messages)
    dispatcher = Dispatcher(
        database.sessions,
        {Channel.SMS: gateway},
        now=system_now,
        compose=composer("http://127.0.0.1:9", system_now),
        rejudge=judge_again,
    )
    running = asyncio.create_task(dispatcher.run())
    await gateway.all_left.wait()
    dispatcher.stop()
    await running
    return gateway.left_at


class _Watched:
    """A gateway that notes when it is given each message."""

    def __init__(self, account: TwilioAccount, messages: int) -> None:
        self._gateway = MadeAtFirstUse(lambda: TwilioGateway(account))
        self._messages = messages
        self.left_at: dict[object, datetime] = {}
        self.all_left = asyncio.Event()

    async def send(self, outgoing: Outgoing) -> Outcome:
        self.left_at[outgoing.id] = system_now()
        if len(self.left_at) == self._messages:
            self.all_left.set()
        return await self._gateway.send(outgoing)

    async def close(self) -> None:
        await self._gateway.close()
