"""A large clinic group's day at full rate: sends, receipts and replies for as long as one likes.

The real web and worker run as processes of their own against the stand-in; every few seconds it
is written down how late texts left, how soon replies were taken in, and what memory and files
have grown to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from service.bench.databases import Measured, measured_database, owe
from service.bench.patients import await_answers
from service.bench.provider import Provider, provider_process
from service.bench.replies import signed_reply
from service.bench.servers import SECRET, free_port, process, wait_for
from service.clock import system_now
from service.domain.values import MessageState
from service.gateways.twilio_sms import TwilioAccount
from service.store.messages import Message
from service.store.replies import Reply

_BEGIN_IN = timedelta(seconds=20)
_FAR_AHEAD = timedelta(days=30)
_LEFT = (MessageState.ACCEPTED, MessageState.DELIVERED)


@dataclass(frozen=True)
class Load:
    """What is asked of the service: for how long, a second, and what waits for later."""

    minutes: float
    sends: float
    replies: float
    planned: int
    patients: int
    every: float
    """Seconds between two samples."""


@dataclass(frozen=True)
class Sample:
    """How things stood at one moment; times in ms, memory in MB, `minute` since the beginning."""

    minute: float
    sent: int
    late_p50: float
    late_p99: float
    overdue: int
    """Texts that should have left a second ago and have not."""
    replies: int
    reply_p50: float
    reply_p99: float
    web_mb: float
    worker_mb: float
    database_mb: float


def run(load: Load, *, database_url: str | None) -> dict[str, Any]:
    """Bear the load; return the whole run's figures and the samples.

    Raises `RuntimeError` when a text was lost or doubled, or a reply was refused or lost.
    """
    with (
        TemporaryDirectory(prefix="aftercare-soak-") as folder,
        measured_database(database_url) as database,
        provider_process(Path(folder), 0.02, calls_back=True) as provider,
    ):
        await_answers(database, load.patients)
        owe(database, load.planned, lambda _: system_now() + _FAR_AHEAD)
        with _service(database, provider.account) as watched:
            begin = system_now() + _BEGIN_IN
            asked = round(load.sends * load.minutes * 60)
            owe(
                database,
                asked,
                lambda number: begin + timedelta(seconds=(number - load.planned) / load.sends),
                first=load.planned,
            )
            samples, answered = asyncio.run(_bear(load, database, provider.account, watched, begin))
        _refuse_loss(database, provider, asked, len(answered))
        return _figures(load, database, samples, answered, begin)


@dataclass(frozen=True)
class _Watched:
    url: str
    web: int
    worker: int
    """Both are the numbers of processes."""


@contextmanager
def _service(database: Measured, account: TwilioAccount) -> Iterator[_Watched]:
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    settings = {
        "AFTERCARE_DATABASE_URL": database.url,
        "AFTERCARE_SECRET_KEYS": SECRET,
        "AFTERCARE_PUBLIC_URL": public,
        "AFTERCARE_TWILIO_ACCOUNT_SID": account.sid,
        "AFTERCARE_TWILIO_AUTH_TOKEN": account.auth_token,
        "AFTERCARE_TWILIO_API_URL": account.api_url,
    }
    with (
        process(["service", "web", "--port", str(port)], **settings) as web,
        process(["service", "worker"], **settings) as worker,
    ):
        wait_for(web, port)
        yield _Watched(public, web.pid, worker.pid)


async def _bear(
    load: Load, database: Measured, account: TwilioAccount, watched: _Watched, begin: datetime
) -> tuple[list[Sample], list[tuple[float, float]]]:
    """Answer at the rate until the time is over; return samples, and each answer's end and ms."""
    answered: list[tuple[float, float]] = []
    samples: list[Sample] = []
    await asyncio.sleep((begin - system_now()).total_seconds())
    began = time.monotonic()
    until = began + load.minutes * 60

    async def answer(client: aiohttp.ClientSession, number: int) -> None:
        post = signed_reply(watched.url, number, load.patients, account)
        sent = time.monotonic()
        async with client.post(
            watched.url + post.path, data=post.body, headers=post.headers
        ) as got:
            if got.status != 200:
                raise RuntimeError(f"a reply was answered {got.status}: {await got.text()}")
            await got.read()
        done = time.monotonic()
        answered.append((done, (done - sent) * 1000))

    async def reply(client: aiohttp.ClientSession, group: asyncio.TaskGroup) -> None:
        for number in count():
            at = began + number / load.replies
            if at >= until:
                return
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            group.create_task(answer(client, number))

    async def watch() -> None:
        for number in count(1):
            at = began + number * load.every
            if at > until + load.every / 2:
                return
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            lately = [took for done, took in answered if done > at - load.every]
            samples.append(await asyncio.to_thread(_sample, load, database, watched, begin, lately))

    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
        group.create_task(reply(client, group))
        group.create_task(watch())
    return samples, answered


def _sample(
    load: Load, database: Measured, watched: _Watched, begin: datetime, lately: list[float]
) -> Sample:
    now = system_now()
    with database.sessions() as db:
        late = _lateness(db, now - timedelta(seconds=load.every + 2), now - timedelta(seconds=2))
        overdue = db.scalar(
            select(func.count()).where(
                Message.state == MessageState.PLANNED,
                Message.send_at < now - timedelta(seconds=1),
            )
        )
    return Sample(
        minute=round((now - begin).total_seconds() / 60, 2),
        sent=len(late),
        late_p50=_at(late, 50),
        late_p99=_at(late, 99),
        overdue=overdue or 0,
        replies=len(lately),
        reply_p50=_at(lately, 50),
        reply_p99=_at(lately, 99),
        web_mb=_memory_mb(watched.web),
        worker_mb=_memory_mb(watched.worker),
        database_mb=_files_mb(database),
    )


def _lateness(db: Session, since: datetime, until: datetime) -> list[float]:
    """Return by how many ms each text left late that was due in a span of time."""
    asked = select(Message.sent_at, Message.send_at).where(
        Message.key == "hydrate",
        Message.send_at >= since,
        Message.send_at < until,
        Message.sent_at.is_not(None),
    )
    return [(sent - due).total_seconds() * 1000 for sent, due in db.execute(asked) if sent]


def _at(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return round(sum(values), 1)
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [resident] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return round(int(resident.split()[1]) / 1024, 1)


def _files_mb(database: Measured) -> float:
    """The database with its log; on PostgreSQL the database as it counts itself."""
    if database.kind == "sqlite":
        path = Path(make_url(database.url).database or "")
        files = [path, path.with_name(path.name + "-wal")]
        return round(sum(file.stat().st_size for file in files if file.exists()) / 1e6, 1)
    with database.sessions() as db:
        size = db.scalar(select(func.pg_database_size(func.current_database())))
    return round((size or 0) / 1e6, 1)


def _refuse_loss(database: Measured, provider: Provider, asked: int, answered: int) -> None:
    copies = provider.accepted_by_message()
    with database.sessions() as db:
        left = set(
            db.scalars(select(Message.id).where(Message.key == "hydrate", Message.state.in_(_LEFT)))
        )
        stored = db.scalar(select(func.count()).select_from(Reply)) or 0
    doubled = sum(number - 1 for number in copies.values())
    lost = asked - len(left)
    if lost or doubled or stored != answered:
        raise RuntimeError(
            f"{lost} texts were lost and {doubled} sent twice; {answered - stored} replies lost"
        )


def _figures(
    load: Load,
    database: Measured,
    samples: list[Sample],
    answered: list[tuple[float, float]],
    begin: datetime,
) -> dict[str, Any]:
    with database.sessions() as db:
        late = _lateness(db, begin, system_now())
    took = [one for _, one in answered]
    half = samples[len(samples) // 2 :]
    return {
        "load": asdict(load),
        "database": database.kind,
        "texts": len(late),
        "late_ms_p50": _at(late, 50),
        "late_ms_p99": _at(late, 99),
        "late_ms_most": round(max(late), 1),
        "replies": len(took),
        "reply_ms_p50": _at(took, 50),
        "reply_ms_p99": _at(took, 99),
        "reply_ms_most": round(max(took), 1),
        "web_mb_grown_in_second_half": round(half[-1].web_mb - half[0].web_mb, 1),
        "worker_mb_grown_in_second_half": round(half[-1].worker_mb - half[0].worker_mb, 1),
        "lost": 0,
        "doubled": 0,
        "samples": [asdict(one) for one in samples],
    }
