"""Patients are not in the logs, in the metrics or in what a failed request is answered."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from twilio.request_validator import RequestValidator

from service.app import reply_rules
from service.domain.outcomes import Outcome
from service.domain.values import Channel
from service.gateways.ports import Outgoing
from service.logs import set_up_logs
from service.pathway.administration import create_api_key
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.pathway.links import Links
from service.pathway.receipts import record_receipt
from service.store.engine import Sessions
from service.web.deps import WebParts
from service.web.site import build_site
from service.web.webhooks import TwilioWebhook
from service.web.webhooks import router as webhook_routes
from tests.conftest import SECRET
from tests.doubles import RecordingGateway
from tests.make import NOON, a_clinic

NAME, NUMBER, ADDRESS = "Xiomaraquz", "+12815550177", "xiomaraquz@canary.example"
BODY, LINK = "canary-words my hand is numb", "canary-token-of-a-link"
CANARIES = (NAME, NUMBER, NUMBER[1:], ADDRESS, "canary-words", LINK)
URL = "https://care.example"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged, as a machine reads it; afterwards logging is as it was."""
    stream, root = io.StringIO(), logging.getLogger()
    before = (root.handlers[:], root.level, warnings.showwarning, threading.excepthook)
    set_up_logs(stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level, warnings.showwarning, threading.excepthook = before


def lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


class BreakingGateway(RecordingGateway):
    """A provider's client that fails, with all it was given in its message."""

    async def send(self, outgoing: Outgoing) -> Outcome:
        raise RuntimeError(f"{outgoing} to {NUMBER}: {NAME}")


def a_route_that_breaks(sessions: Sessions) -> APIRouter:
    routes = APIRouter()

    @routes.get("/breaks/{token}")
    def breaks(token: str) -> None:
        with sessions.begin() as db:
            db.execute(
                text("INSERT INTO clinic (id, name) VALUES (:id, :name)"),
                {"id": NUMBER, "name": f"{NAME} {token}"},
            )

    return routes


@pytest.fixture
def site(engine: Engine, sessions: Sessions) -> FastAPI:
    twilio = TwilioWebhook("AC" + "0" * 32, ("token",), URL)
    webhooks = webhook_routes(sessions, twilio, reply_rules(), record_receipt, lambda: NOON)
    parts = WebParts(engine, sessions, lambda: NOON)
    return build_site(parts, webhooks, a_route_that_breaks(sessions))


@pytest.fixture
def client(site: FastAPI, sessions: Sessions) -> TestClient:
    with sessions.begin() as db:
        _, key = create_api_key(db, a_clinic(db), name="front desk", now=NOON)
    return TestClient(
        site,
        headers={"Authorization": f"Bearer {key}"},
        raise_server_exceptions=False,
        client=("127.0.0.1", 50000),
    )


def enrol(client: TestClient, **patient: object) -> int:
    answer = client.post(
        "/api/v1/sessions",
        json={
            "external_id": "visit-1",
            "patient": {
                "first_name": NAME,
                "phone": NUMBER,
                "email": ADDRESS,
                "consent": {"sms": True, "email": True},
                **patient,
            },
            "ended_at": "2026-03-03T17:45:00Z",
            "regions": ["upper_trap"],
            "baseline_pain": 5,
        },
    )
    return answer.status_code


def send_what_is_due(sessions: Sessions) -> int:
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: BreakingGateway()},
        now=lambda: NOON,
        compose=composer(URL, lambda: NOON, Links(URL, [SECRET])),
        rejudge=judge_again,
    )
    return asyncio.run(dispatcher.send_what_is_due())


def reply(client: TestClient) -> int:
    form = {
        "AccountSid": "AC" + "0" * 32,
        "Body": BODY,
        "From": NUMBER,
        "MessageSid": "SM" + "a" * 32,
        "NumMedia": "0",
        "To": "+12815550000",
    }
    path = "/webhooks/twilio/inbound"
    signature = RequestValidator("token").compute_signature(URL + path, form)
    return client.post(
        path,
        content=urlencode(form),
        headers={
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        },
    ).status_code


def test_a_patient_driven_through_everything_is_in_no_log_metric_or_error(
    written: io.StringIO, client: TestClient, sessions: Sessions
) -> None:
    assert enrol(client) == 201
    assert send_what_is_due(sessions) > 0
    assert reply(client) == 200
    refused = client.post("/api/v1/sessions", json={"patient": {"first_name": NAME, "phone": BODY}})
    broken = client.get(f"/breaks/{LINK}")
    missing = client.get(f"/c/{LINK}")
    try:
        raise ValueError(f"{NAME} has {NUMBER}") from KeyError(ADDRESS)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    logging.getLogger("twilio.http_client").error("To=%s Body=%s", NUMBER, BODY)
    logging.getLogger("urllib3.connectionpool").warning("Retrying after %s", NUMBER)
    logging.getLogger("asyncio").error(f"Task exception was never retrieved: {NAME}")
    warnings.showwarning(f"odd value {NAME}", UserWarning, "service/somewhere.py", 3)

    seen = [
        written.getvalue(),
        refused.text,
        broken.text,
        missing.text,
        client.get("/metrics").text,
        client.get("/readyz").text,
    ]
    assert (refused.status_code, broken.status_code) == (422, 500)
    assert [canary for canary in CANARIES if any(canary in each for each in seen)] == []
    assert len(lines(written)) > 5


def test_an_error_is_told_by_its_type_and_place(written: io.StringIO) -> None:
    try:
        raise ValueError(NAME) from KeyError(ADDRESS)
    except ValueError:
        structlog.get_logger().error("it_failed", message="m-1", exc_info=True)

    (line,) = lines(written)
    assert line["error"]["type"] == "ValueError"
    assert line["error"]["because"] == {"type": "KeyError"}
    assert "test_logs.py" in line["error"]["places"][-1]
    assert str(line["at"]).endswith("Z")


def test_a_thread_that_fails_is_told_like_any_error(written: io.StringIO) -> None:
    def fails() -> None:
        raise RuntimeError(BODY)

    thread = threading.Thread(target=fails, name="worker")
    thread.start()
    thread.join()

    (line,) = lines(written)
    assert (line["event"], line["thread"]) == ("thread_failed", "worker")
    assert BODY not in written.getvalue()


def test_a_request_is_told_by_its_route_and_carries_its_id(
    written: io.StringIO, client: TestClient
) -> None:
    found = client.get(f"/breaks/{LINK}")

    (line,) = [line for line in lines(written) if line["event"] == "request"]
    assert (line["route"], line["status"]) == ("/breaks/{token}", 500)
    assert line["request"] == found.headers["X-Request-Id"] == found.json()["request_id"]


def test_a_route_is_told_whole_and_without_the_ids_in_it(
    written: io.StringIO, client: TestClient
) -> None:
    client.get(f"/api/v1/sessions/{uuid4()}")

    (line,) = [line for line in lines(written) if line["event"] == "request"]
    assert (line["route"], line["status"]) == ("/api/v1/sessions/{session_id}", 404)


def test_machines_asking_whether_it_lives_are_not_told_of(
    written: io.StringIO, client: TestClient
) -> None:
    client.get("/healthz")

    assert lines(written) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_in_a_terminal_a_person_reads_it(written: io.StringIO) -> None:
    terminal = Terminal()
    set_up_logs(terminal)

    structlog.get_logger().warning("duty_failed", duty="settling")

    assert "duty_failed" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
