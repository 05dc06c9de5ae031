"""The story of the product: one patient, from enrolment to the text on her phone. Read it first.

Everything is real but the phone network, which is a stand-in behind the provider's own interface.
"""

import asyncio
from datetime import datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from service.domain.values import Channel
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway
from service.pathway.administration import create_api_key
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.sandbox.phone_network import PhoneNetwork
from service.web.deps import WebParts
from service.web.site import build_site
from tests.make import NOON, a_clinic

ANA = "+12815550123"


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
def network(day):
    network = PhoneNetwork(day)
    network.start()
    yield network
    network.stop()


@pytest.fixture
def worker(sessions, network, day):
    """Let a worker look once for what is due, with the real gateway to the pretend network."""

    async def look() -> int:
        account = TwilioAccount(network.account, network.auth_token, network.url)
        gateway = TwilioGateway(account)
        dispatcher = Dispatcher(
            sessions,
            {Channel.SMS: gateway},
            now=day,
            compose=composer("http://127.0.0.1:1", day),
            rejudge=judge_again,
        )
        try:
            return await dispatcher.send_what_is_due()
        finally:
            await gateway.close()

    return lambda: asyncio.run(look())


@pytest.fixture
def api(engine, sessions, day):
    with sessions.begin() as db:
        _, key = create_api_key(db, a_clinic(db), name="front desk", now=NOON)
    with TestClient(build_site(WebParts(engine, sessions, day))) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


def test_one_patient_from_enrolment_to_her_phone(api, worker, network, day):
    # Ana's shoulders were needled until a quarter to twelve. Her therapist enrols her at noon.
    enrolled = api.post(
        "/api/v1/sessions",
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
    visit = f"/api/v1/sessions/{enrolled.json()['id']}"

    # The welcome is due at once; looking again sends nothing more.
    worker()
    assert worker() == 0
    assert [text.body[:34] for text in network.texts()] == ["Bayou Needling: Thanks for coming."]

    # The rest of the day passes, and the two days up to the check-in.
    for _ in range(4 * 24):
        day.now += timedelta(minutes=30)
        worker()

    sent = [m for m in api.get(visit).json()["messages"] if m["sent_at"]]
    assert {m["state"] for m in sent} == {"accepted"}
    assert [m["key"] for m in sent][-1] == "checkin_48h"
    # Her phone shows each of them once, in the words the clinic saw in the preview.
    assert sorted(text.body for text in network.texts()) == sorted(m["preview"] for m in sent)
    assert {text.phone for text in network.texts()} == {ANA}

    # She moves away: nothing more is sent, and the timeline says why.
    api.post(f"{visit}/cancel", json={"reason": "Patient moved away"})
    day.now += timedelta(days=2)
    assert worker() == 0
    assert "Patient moved away" in {m["reason"] for m in api.get(visit).json()["messages"]}
