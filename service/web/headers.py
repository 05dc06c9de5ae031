"""What every answer tells a browser it may do with it: as little as possible."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
POLICY_WITH_SCRIPTS = f"{_POLICY}; script-src 'self'; connect-src 'self'"
"""For staff's pages, which work without script and are livelier with our own."""
_ALWAYS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # A link's token must not travel on to another site.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_A_YEAR = 365 * 24 * 3600


def security_headers(public_url: str) -> dict[str, str]:
    """Return the headers of a site at this address; only https is asked for again."""
    if not public_url.startswith("https://"):
        return dict(_ALWAYS)
    return _ALWAYS | {"Strict-Transport-Security": f"max-age={_A_YEAR}; includeSubDomains"}


class SecurityHeaders:
    """Adds the headers to whatever the site answers, errors as well; a route's own go before."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._headers = security_headers(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
