"""A pretend phone network, a clinic that listens to it, and Twilio's own SDK to drive it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from service.sandbox.phone_network import PhoneNetwork
from tests.sandbox.clinic import HandMovedClock, ListeningClinic, a_listening_clinic


@pytest.fixture
def clock() -> HandMovedClock:
    return HandMovedClock()


@pytest.fixture
def clinic() -> Iterator[ListeningClinic]:
    with a_listening_clinic() as clinic:
        yield clinic


@pytest.fixture
def network(
    clock: HandMovedClock, clinic: ListeningClinic, tmp_path: Path
) -> Iterator[PhoneNetwork]:
    network = PhoneNetwork(
        clock,
        inbound_url=f"{clinic.url}/webhooks/twilio/inbound",
        journal=tmp_path / "phones.jsonl",
        step=0.002,
    )
    network.start()
    network.change_habits(again_after=0.002)
    yield network
    network.stop()


@pytest.fixture
def twilio(network: PhoneNetwork) -> Iterator[Client]:
    client = twilio_client(network)
    yield client
    client.http_client.session.close()


def twilio_client(network: PhoneNetwork, auth_token: str | None = None) -> Client:
    http_client = TwilioHttpClient(timeout=5)
    client = Client(network.account, auth_token or network.auth_token, http_client=http_client)
    client.api.base_url = network.url
    return client
