"""A small HTTP/1.1 server that answers fast, and can answer badly on purpose.

A test of ten thousand sends a second must measure the sender, not the pretend provider; and no
ordinary server offers to accept a request and then cut the line.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

LONGEST_HEAD = 16_384
LONGEST_BODY = 262_144
_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower case; `query` is still encoded."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes


class Ending(StrEnum):
    """How an answer leaves, or does not."""

    WHOLE = "whole"
    HALF = "half"
    """Promises the whole length, sends half of it and closes."""
    CUT = "cut"
    """Closes the connection without a byte."""
    RESET = "reset"
    """Resets the connection, as a crashed machine would."""
    SILENCE = "silence"
    """Never answers, and keeps the connection open."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back: JSON, unless `kind` says otherwise. `delay` is in seconds."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "application/json"
    delay: float = 0.0
    ending: Ending = Ending.WHOLE


Handler = Callable[[Request], Answer]


class BadRequest(Exception):
    """What arrived is not the HTTP that this server speaks."""


class Server:
    """Listens on one port and gives every request to one handler."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[_Connection] = set()
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; return the port, which matters when 0 was asked for."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: _Connection(self._handler, self._connections), host, port, backlog=1024
        )
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        if self._listening is None:
            return
        self._listening.close()
        for connection in list(self._connections):
            connection.close()
        await self._listening.wait_closed()


class _Connection(asyncio.Protocol):
    """One client's connection: requests are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self, handler: Handler, connections: set[_Connection]) -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = b""
        self._answering = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server's promise
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        self._connections.discard(self)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        self._answer_what_is_whole()

    def _answer_what_is_whole(self) -> None:
        while self._buffer and not self._answering:
            try:
                request, self._buffer = parse(self._buffer)
            except BadRequest:
                self._transport.write(_STATUS_LINES[400] + b"Content-Length: 0\r\n\r\n")
                self._transport.close()
                return
            if request is None:
                return
            self._give(self._handler(request))

    def _give(self, answer: Answer) -> None:
        if answer.delay:
            self._answering = True
            loop = asyncio.get_running_loop()
            loop.call_later(answer.delay, self._give_late, answer)
        else:
            self._send(answer)

    def _give_late(self, answer: Answer) -> None:
        self._answering = False
        if not self._transport.is_closing():
            self._send(answer)
            self._answer_what_is_whole()

    def _send(self, answer: Answer) -> None:
        if answer.ending is Ending.WHOLE:
            self._transport.write(_on_the_wire(answer))
        elif answer.ending is Ending.SILENCE:
            self._answering = True
        else:
            # Whatever else was sent on this connection will not be answered.
            self._answering = True
            self._break_off(answer)

    def _break_off(self, answer: Answer) -> None:
        if answer.ending is Ending.HALF:
            self._transport.write(_on_the_wire(answer)[: -len(answer.body) // 2])
            self._transport.close()
        elif answer.ending is Ending.CUT:
            self._transport.close()
        else:
            raw: socket.socket = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


def parse(buffer: bytes) -> tuple[Request | None, bytes]:
    """Return the first whole request and what follows it; None while more must come.

    Raises `BadRequest`.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > LONGEST_HEAD:
            raise BadRequest
        return None, buffer
    first, *lines = buffer[:end].split(b"\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    length = headers.get(b"content-length", b"0")
    if b"transfer-encoding" in headers or not length.isdigit() or int(length) > LONGEST_BODY:
        raise BadRequest
    whole = end + 4 + int(length)
    if len(buffer) < whole:
        return None, buffer
    words = first.decode("latin-1").split(" ")
    if len(words) != 3:
        raise BadRequest
    path, _, query = words[1].partition("?")
    return Request(words[0], path, query, headers, buffer[end + 4 : whole]), buffer[whole:]


def _on_the_wire(answer: Answer) -> bytes:
    more = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    head = f"Content-Type: {answer.kind}\r\nContent-Length: {len(answer.body)}\r\n{more}\r\n"
    return _STATUS_LINES[answer.status] + head.encode() + answer.body
