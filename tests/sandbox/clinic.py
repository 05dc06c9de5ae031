"""A clinic that only listens: a real HTTP server that keeps every webhook it gets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from starlette.datastructures import MultiDict

from service.gateways.twilio_signature import TwilioSignature
from service.sandbox.phone_network import SANDBOX_TOKEN

NOON = datetime(2026, 3, 3, 18, tzinfo=UTC)
CLINIC = "+15125550100"
ANA = "+12815550123"


@dataclass
class HandMovedClock:
    """Clinic time that stands still until a test moves it."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Heard:
    """One webhook as it arrived."""

    path: str
    fields: dict[str, str]
    signed: bool
    token: str


@dataclass
class ListeningClinic:
    """What arrived, and what is answered: `answers` are used up, then it is always 200."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def fields(self, name: str) -> list[str]:
        return [heard.fields.get(name, "") for heard in self.heard]


@contextmanager
def a_listening_clinic() -> Iterator[ListeningClinic]:
    clinic = ListeningClinic()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = MultiDict(parse_qsl(body, keep_blank_values=True))
            signed = TwilioSignature([SANDBOX_TOKEN]).fits(
                clinic.url + self.path,
                form,
                self.headers.get("X-Twilio-Signature"),
                self.headers.get("X-Twilio-Webhooks-Signature-Settings"),
            )
            token = self.headers["I-Twilio-Idempotency-Token"]
            clinic.heard.append(Heard(self.path, dict(form), signed, token))
            self.send_response(clinic.answers.pop(0) if clinic.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    clinic.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield clinic
    server.shutdown()
    thread.join()
    server.server_close()
