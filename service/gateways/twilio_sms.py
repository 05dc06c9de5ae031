"""Sending texts through Twilio: the form is posted directly, and its answer classified."""

from __future__ import annotations

import base64
import json
import re
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.gateways.ports import Outgoing

TWILIO_API_URL = "https://api.twilio.com"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
"""From the first try to connect to the last byte of the answer."""
PAUSE_AFTER_429 = 1.0
PAUSE_AFTER_NO_CONNECTION = 5.0
_LONGEST_VALIDITY = 36_000
# One pass in C: the standard library's quoting was a tenth of the CPU of a send.
_QUOTED = {byte: f"%{byte:02X}" for byte in range(256)} | {ord(" "): "+"}
for _safe in string.ascii_letters + string.digits + "-._~":
    del _QUOTED[ord(_safe)]
_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """Whom Twilio should bill. `api_url` differs only for a stand-in.

    `key_sid` and `key_secret` are an API key, for sending without the account's own token.
    """

    sid: str
    auth_token: str
    api_url: str = TWILIO_API_URL
    key_sid: str | None = None
    key_secret: str | None = None

    @property
    def login(self) -> tuple[str, str]:
        """User name and password for the API."""
        return (self.key_sid or self.sid, self.key_secret or self.auth_token)


class TwilioGateway:
    """Posts to Twilio's Messages API over connections that are kept open.

    Make it inside the event loop that it will send on.
    """

    def __init__(
        self,
        account: TwilioAccount,
        in_flight: int = 100,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._answer_seconds = answer_seconds
        self._patience = _patience(answer_seconds, CONNECT_SECONDS)
        login = base64.b64encode(":".join(account.login).encode()).decode()
        path = f"/2010-04-01/Accounts/{account.sid}/Messages.json"
        self._url = URL(account.api_url.rstrip("/") + path, encoded=True)
        self._client = aiohttp.ClientSession(
            # Idle connections are dropped before Twilio does it: a send on a connection that is
            # being closed would end unclear.
            connector=aiohttp.TCPConnector(limit=in_flight, keepalive_timeout=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Authorization": f"Basic {login}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            timeout=self._patience,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Post one text. Only what Twilio certainly did not take is refused; doubt is unclear."""
        patience = self._patience_for(outgoing)
        if patience is None:
            return Refused(None, "its turn came too late to be sent safely", retry_after=0.0)
        try:
            async with self._client.post(
                self._url, data=form_of(outgoing), timeout=patience, allow_redirects=False
            ) as answer:
                body = await answer.read()
                return outcome_of(answer.status, answer.headers, body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as problem:
            # Names and connections come before the first byte of the request.
            why = f"no connection to the provider ({type(problem).__name__})"
            return Refused(None, why, retry_after=PAUSE_AFTER_NO_CONNECTION)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            return Unclear(f"the connection failed after the text may have left: {_name(problem)}")

    def _patience_for(self, outgoing: Outgoing) -> aiohttp.ClientTimeout | None:
        """Return how long to wait; None when it is too late to begin.

        A connection must not take so long that the text leaves after its deadline.
        """
        if outgoing.sent_by is None:
            return self._patience
        left = outgoing.sent_by - time.monotonic()
        if left <= 0:
            return None
        if left >= CONNECT_SECONDS:
            return self._patience
        return _patience(self._answer_seconds, left)


def form_of(outgoing: Outgoing) -> bytes:
    """Return the text as the form that Twilio's Messages API takes."""
    field = "MessagingServiceSid" if outgoing.sender.startswith("MG") else "From"
    form = (
        f"To={_quoted(outgoing.recipient)}&{field}={_quoted(outgoing.sender)}"
        f"&Body={_quoted(outgoing.text)}"
    )
    if outgoing.valid_for is not None:
        # Zero would be refused; a second is the shortest that Twilio knows.
        form += f"&ValidityPeriod={min(max(int(outgoing.valid_for), 1), _LONGEST_VALIDITY)}"
    if outgoing.callback_url is not None:
        form += f"&StatusCallback={_quoted(outgoing.callback_url)}"
    return form.encode()


def outcome_of(status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """Return what Twilio's answer means (`reliability.md` 2.2, step 3).

    Twilio's own sentences are left out of the reason: they repeat the patient's number.
    """
    said = _json_object(body)
    if 200 <= status < 300:
        sid = said.get("sid")
        if isinstance(sid, str) and _SID.fullmatch(sid):
            return Accepted(sid, str(said.get("status") or "accepted"), _segments(said))
        return Unclear(f"an answer {status} that does not say which text it took")
    code = said.get("code")
    code = code if isinstance(code, int) else None
    if status == 429:
        return Refused(code or 20429, "the provider asks us to slow down", _pause(headers))
    if 400 <= status < 500 and code is not None:
        return Refused(code, f"the provider refused it (code {code})")
    return Unclear(f"an answer {status} that does not say whether the text was taken")


def _quoted(text: str) -> str:
    return text.encode().decode("latin-1").translate(_QUOTED)


def _patience(answer: float, connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=answer, connect=connect, sock_connect=connect)


def _json_object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _segments(said: dict[str, object]) -> int | None:
    count = str(said.get("num_segments") or "")
    # A messaging service says 0 until it has chosen a number.
    return int(count) if count.isdigit() and count != "0" else None


def _pause(headers: Mapping[str, str]) -> float:
    asked = headers.get("Retry-After", "")
    return max(float(asked), PAUSE_AFTER_429) if asked.isdigit() else PAUSE_AFTER_429


def _name(problem: BaseException) -> str:
    """Name an exception without its words, which may hold an address or a number."""
    return type(problem).__name__
