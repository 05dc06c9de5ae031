"""The story of the product: one patient, from enrolment to a finished call. Read it first.

Everything is real but the phone network, which is a stand-in behind the provider's own interface.
"""

import asyncio
import socket
import threading
from datetime import datetime, timedelta

import httpx
import pytest
import uvicorn

from service.app import reply_rules
from service.domain.values import Channel
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway
from service.pathway.administration import create_api_key
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.pathway.receipts import record_receipt
from service.sandbox.phone_exchange import OptOuts
from service.sandbox.phone_network import PhoneNetwork
from service.web.deps import WebParts
from service.web.site import build_site
from service.web.webhooks import TwilioWebhook
from service.web.webhooks import router as webhook_routes
from tests.make import NOON, a_clinic

ANA = "+12815550123"
CLINIC = "+12815550000"


class Day:
    """The clinic's clock, moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def day():
    return Day(NOON)


@pytest.fixture
def listener():
    """A free port that the service will listen on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


@pytest.fixture
def public_url(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def network(day, public_url):
    """The phones; what Ana texts is announced to the service, signed as Twilio signs."""
    inbound = f"{public_url}/webhooks/twilio/inbound"
    network = PhoneNetwork(day, inbound_url=inbound, opt_outs=OptOuts.OFF)
    network.start()
    yield network
    network.stop()


@pytest.fixture
def worker(sessions, network, day, public_url):
    """Let a worker look once for what is due, and the network tell us how it went."""

    async def look() -> int:
        account = TwilioAccount(network.account, network.auth_token, network.url)
        gateway = TwilioGateway(account)
        dispatcher = Dispatcher(
            sessions,
            {Channel.SMS: gateway},
            now=day,
            compose=composer(public_url, day),
            rejudge=judge_again,
        )
        try:
            return await dispatcher.send_what_is_due()
        finally:
            await gateway.close()

    def look_and_settle() -> int:
        sent = asyncio.run(look())
        network.settle()
        return sent

    return look_and_settle


@pytest.fixture
def api(engine, sessions, day, network, listener, public_url):
    """The service on its real port, called with the clinic's key."""
    with sessions.begin() as db:
        _, key = create_api_key(db, a_clinic(db, sender=CLINIC), name="front desk", now=NOON)
    twilio = TwilioWebhook(network.account, (network.auth_token,), public_url)
    routes = webhook_routes(sessions, twilio, reply_rules(), record_receipt, day)
    site = build_site(WebParts(engine, sessions, day), routes)
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    listener.listen()
    thread.start()
    with httpx.Client(
        base_url=f"{public_url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        yield client
    server.should_exit = True
    thread.join()


def test_one_patient_from_enrolment_to_a_finished_call(api, worker, network, day):
    # Ana's shoulders were needled until a quarter to twelve. Her therapist enrols her at noon.
    enrolled = api.post(
        "/sessions",
        json={
            "external_id": "visit-881",
            "patient": {"first_name": "Ana", "phone": ANA, "consent": {"sms": True}},
            "ended_at": "2026-03-03T17:45:00Z",
            "regions": ["upper_trap"],
            "baseline_pain": 5,
            "first_session": True,
        },
    )
    assert enrolled.status_code == 201
    visit = f"/sessions/{enrolled.json()['id']}"

    # The welcome is due at once; looking again sends nothing more.
    worker()
    assert worker() == 0
    assert [text.body[:34] for text in network.texts()] == ["Bayou Needling: Thanks for coming."]

    # The rest of the day passes, and the two days up to the check-in.
    for _ in range(2 * 24):
        day.now += timedelta(hours=1)
        worker()
    sent = [m for m in api.get(visit).json()["messages"] if m["sent_at"]]
    assert {m["state"] for m in sent} == {"delivered"}
    assert [m["key"] for m in sent][-1] == "checkin_48h"
    # Her phone shows each of them once, in the words the clinic saw in the preview.
    assert sorted(text.body for text in network.texts()) == sorted(m["preview"] for m in sent)

    # Ana answers. A flag is there at once, with a deadline, and she is told when we will call.
    network.inbound(ANA, CLINIC, "its a 7 and my hand is still numb")
    network.settle()
    [flag] = api.get("/flags").json()
    assert (flag["level"], flag["score"]) == ("urgent", 7)
    assert {"severe_pain", "nerve"} <= set(flag["categories"])
    assert flag["due_at"] == "2026-03-05T20:00:00Z"  # two business hours from noon
    assert worker() == 1
    assert "A therapist will call you by Thu 2 PM." in network.texts()[-1].body
    # The question is answered, so nobody asks again.
    assert "cancelled" in {
        m["state"] for m in api.get(visit).json()["messages"] if m["key"] == "nudge_48h"
    }

    # A therapist takes the flag. Voicemail does not end it; reaching Ana does.
    assert api.post(f"/flags/{flag['id']}/own").json()["owner"] == "front desk"
    voicemail = api.post(f"/flags/{flag['id']}/calls", json={"outcome": "voicemail"}).json()
    assert voicemail["state"] == "owned"
    assert voicemail["next_try_at"] > voicemail["raised_at"]
    call = {"outcome": "advised", "note": "Explained; will come in tomorrow."}
    assert api.post(f"/flags/{flag['id']}/calls", json=call).json()["state"] == "closed"
    assert api.get("/flags").json() == []

    # An hour later she has had enough of texts: one confirmation, then silence, and it says why.
    day.now += timedelta(hours=1)
    network.inbound(ANA, CLINIC, "STOP")
    network.settle()
    assert worker() == 1
    assert "You are opted out" in network.texts()[-1].body
    day.now += timedelta(days=2)
    assert worker() == 0
    seen = api.get(visit).json()
    assert not [m for m in seen["messages"] if m["state"] == "planned"]
    assert [reply["opt_out"] for reply in seen["replies"]] == [False, True]
    assert [call["outcome"] for call in seen["calls"]] == ["voicemail", "advised"]
