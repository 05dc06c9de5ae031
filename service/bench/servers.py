"""Servers as processes of their own, and how many requests a second they answer."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

_UP_WITHIN = 60.0
SECRET = "only for measuring and so it may be known to all"  # noqa: S105  # seals invented numbers


@dataclass(frozen=True, slots=True)
class Post:
    """One request, ready to go."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def server(command: Sequence[str], port: int, **settings: str) -> Iterator[str]:
    """Run `python -m …` until it listens on `port`; yield its address. Raises `RuntimeError`."""
    with process(command, **settings) as started:
        wait_for(started, port)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def process(command: Sequence[str], **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m …` with these settings alone, and end it as a supervisor would."""
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(  # noqa: S603  # our own modules
        [sys.executable, "-m", *command],
        env=environment | settings,
        stdout=subprocess.DEVNULL,
    ) as started:
        try:
            yield started
        finally:
            started.terminate()
            started.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answered_per_second(url: str, posts: Sequence[Post], wanted: int, in_flight: int) -> float:
    """Post all, `in_flight` at a time, and return the rate; any other answer is an error.

    Raises `RuntimeError` for an answer other than `wanted`.
    """
    return asyncio.run(_answered_per_second(url, posts, wanted, in_flight))


async def _answered_per_second(
    url: str, posts: Sequence[Post], wanted: int, in_flight: int
) -> float:
    waiting = iter(posts)

    async def keep_posting(client: aiohttp.ClientSession) -> None:
        for post in waiting:
            async with client.post(url + post.path, data=post.body, headers=post.headers) as answer:
                said = await answer.text()
                if answer.status != wanted:
                    raise RuntimeError(f"{post.path} was answered {answer.status}: {said}")

    began = time.perf_counter()
    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(keep_posting(client))
    return len(posts) / (time.perf_counter() - began)


def wait_for(started: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a process listens; raises `RuntimeError` when it ends or takes too long."""
    until = time.monotonic() + _UP_WITHIN
    while time.monotonic() < until and started.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("a server that was to be measured did not start")
