"""Processes of their own that are killed or frozen at a step, by themselves and for real."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import structlog
import uvicorn
from fastapi import FastAPI

from service.app import reply_rules
from service.gateways import twilio_sms
from service.gateways.twilio_sms import TwilioAccount
from service.pathway import dispatch
from service.pathway.receipts import record_receipt
from service.store.engine import Sessions, open_engine
from service.store.secrets import Vault
from service.web.errors import add_error_answers
from service.web.webhooks import TwilioWebhook, router
from tests.conftest import SECRET
from tests.faults.bugs import planted
from tests.faults.clock import SharedClock
from tests.faults.steps import Steps, stepping
from tests.faults.world import do_duties, send_what_is_due

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.victims"])


@dataclass(frozen=True)
class Orders:
    """What a process is to do, and at which step it meets its signal; `nth` counts from 1."""

    database_url: str
    clock: Path
    account: TwilioAccount
    public_url: str
    step: str = ""
    nth: int = 1
    signal: int = signal.SIGKILL
    not_in_gap: bool = False
    bug: str = ""
    port: int = 0


def start_worker(orders: Orders) -> ForkServerProcess:
    """Start a worker that has one turn: it sends, then does its duties."""
    return _start(_work, orders)


def start_web(orders: Orders) -> ForkServerProcess:
    """Start what takes the provider's webhooks, and wait until it listens."""
    process = _start(_serve, orders)
    listening(orders.port)
    return process


def end(process: ForkServerProcess, seconds: float = 30) -> int:
    """Wait for a process; return how it ended, negative for a signal."""
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("a process did not end")
    return process.exitcode


def is_frozen(process: ForkServerProcess) -> bool:
    """Has the process stopped itself?"""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] == "T"


def _start(target: Callable[[Orders], None], orders: Orders) -> ForkServerProcess:
    process = _CONTEXT.Process(target=target, args=(orders,), daemon=True)
    process.start()
    return process


def _steps(orders: Orders) -> Steps:
    return Steps(
        orders.step,
        orders.nth,
        lambda: os.kill(os.getpid(), orders.signal),
        not_in_gap=orders.not_in_gap,
    )


@contextmanager
def shared_time(clock: SharedClock) -> Iterator[None]:
    """Time that the harness lets pass has passed for this process's monotonic clock as well."""
    passing = SimpleNamespace(monotonic=clock.monotonic)
    with patch.object(dispatch, "time", passing), patch.object(twilio_sms, "time", passing):
        yield


def _work(orders: Orders) -> None:
    be_silent()
    clock = SharedClock(orders.clock)
    steps = _steps(orders)
    engine = open_engine(orders.database_url, Vault([SECRET]), pool_size=2)
    sessions = stepping(engine, steps)
    with planted(orders.bug), shared_time(clock):
        send_what_is_due(sessions, clock, orders.account, orders.public_url, steps)
        do_duties(sessions, clock, orders.account, steps)
    engine.dispose()


def _serve(orders: Orders) -> None:
    be_silent()
    clock = SharedClock(orders.clock)
    steps = _steps(orders)
    engine = open_engine(orders.database_url, Vault([SECRET]), pool_size=4)
    sessions = stepping(engine, steps)
    application = web_application(sessions, orders.account, orders.public_url, clock)
    served: Any = (
        _answers_at_once(application) if orders.bug == "ack before commit" else application
    )
    with planted(orders.bug):
        uvicorn.run(
            answering(served, steps),
            port=orders.port,
            log_config=None,
            access_log=False,
            lifespan="off",
        )


def web_application(
    sessions: Sessions, account: TwilioAccount, public_url: str, clock: SharedClock
) -> FastAPI:
    """Return the webhook routes, with the answers that errors get."""
    twilio = TwilioWebhook(account.sid, (account.auth_token,), public_url)
    application = FastAPI()
    add_error_answers(application)
    application.include_router(router(sessions, twilio, reply_rules(), record_receipt, clock.now))
    return application


App = Callable[..., Awaitable[None]]


def answering(application: App, steps: Steps) -> App:
    """Say just before an answer leaves, and just after, that it does."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            steps.passed("before_answer")
            await send(message)
            steps.passed("after_answer")

        await application(scope, receive, answer)

    return asgi


def _answers_at_once(application: App) -> App:
    """The planted bug: 200 first, the work later."""
    later: set[asyncio.Task[None]] = set()

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        body = [await receive()]

        async def again() -> Any:
            return body.pop() if body else {"type": "http.disconnect"}

        async def nobody(_: Any) -> None:
            return None

        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        await asyncio.sleep(0.02)
        task = asyncio.create_task(application(scope, again, nobody))  # type: ignore[arg-type]
        later.add(task)

    return asgi


def listening(port: int) -> None:
    """Wait until somebody listens there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("it does not listen")


def be_silent() -> None:
    """What these processes log of the faults they meet is expected."""

    def drop(*_: Any) -> Any:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
