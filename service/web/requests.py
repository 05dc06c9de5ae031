"""Every request has an id: in each line that is logged for it, and in its answer."""

from __future__ import annotations

import time
from uuid import uuid4

import structlog
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "X-Request-Id"
_UNTOLD = ("/healthz", "/readyz", "/metrics")
"""Asked for every few seconds by machines; a line each would bury the rest."""
_log = structlog.get_logger()


class NamedRequests:
    """Names each request and tells of it: its method, route, status and time, never its path.

    A path may hold the token of a patient's link; a caller's own id may hold anything, so none
    is taken over.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        # Each request is a task of its own, so the id need not be taken off again; and the server
        # still logs with it what rises out of here.
        structlog.contextvars.bind_contextvars(request=request_id)
        began, status = time.perf_counter(), 500

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            if scope["path"] not in _UNTOLD:
                _tell(scope, status, time.perf_counter() - began)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    _log.info(
        "request",
        method=scope["method"],
        route=_route(scope),
        status=status,
        ms=round(seconds * 1000, 1),
    )


def _route(scope: Scope) -> str | None:
    """Return the whole route, with names in place of values; None where there is no such route."""
    route = scope.get("route")
    path: str | None = getattr(route, "path", None)
    if not isinstance(route, APIRoute) or not path:
        return path
    # A route knows itself below its router's prefix only; our prefixes hold no values.
    prefix = scope["path"].split("/")[: -path.count("/")]
    return "/".join(prefix) + path
