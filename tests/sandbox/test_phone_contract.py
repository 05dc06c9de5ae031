"""The pretend network says what Twilio says: each answer is held against Twilio's own document."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from service.sandbox.phone_network import PhoneNetwork
from tests.sandbox.clinic import ANA, CLINIC

DOCUMENT = json.loads(
    (Path(__file__).parents[1] / "contracts" / "twilio_messages_openapi.json").read_text()
)
SERVICE = "MG" + "0a" * 16


class Contract:
    """Looks over the SDK's shoulder and checks each request and answer as it passes."""

    def __init__(self, url: str) -> None:
        for path in DOCUMENT["paths"].values():
            path.pop("servers", None)
        self._openapi = OpenAPI.from_dict({**DOCUMENT, "servers": [{"url": url}]})
        self.checked = 0

    def __call__(self, answer: requests.Response, **_: object) -> None:
        request = RequestsOpenAPIRequest(answer.request)
        self._openapi.validate_request(request)
        self._openapi.validate_response(request, RequestsOpenAPIResponse(answer))
        self.checked += 1


@pytest.fixture
def contract(network: PhoneNetwork) -> Contract:
    return Contract(network.url)


@pytest.fixture
def client(network: PhoneNetwork, contract: Contract) -> Iterator[Client]:
    http_client = TwilioHttpClient(timeout=5, request_hooks={"response": contract})
    client = Client(network.account, network.auth_token, http_client=http_client)
    client.api.base_url = network.url
    yield client
    http_client.session.close()


@pytest.mark.parametrize("sender", [{"from_": CLINIC}, {"messaging_service_sid": SERVICE}])
def test_a_text_taken_is_described_as_twilio_would(client, contract, sender):
    client.messages.create(
        to=ANA,
        body="How sore are you, 0-10?",
        validity_period=3600,
        status_callback="https://clinic.example/status",
        **sender,
    )

    assert contract.checked == 1


def test_a_text_looked_up_is_described_as_twilio_would(client, contract, network):
    sid = client.messages.create(to=ANA, from_=CLINIC, body="Hello").sid
    network.settle()
    received = network.inbound(ANA, CLINIC, "Fine, thanks", photos=1)

    client.messages(sid).fetch()
    client.messages(received).fetch()

    assert contract.checked == 3


def test_a_list_is_paged_as_twilio_would(client, contract):
    for number in range(5):
        client.messages.create(to=ANA, from_=CLINIC, body=f"Tip {number}")

    texts = client.messages.list(to=ANA, page_size=2)

    assert [text.body for text in texts] == [f"Tip {number}" for number in (4, 3, 2, 1, 0)]
    assert contract.checked == 5 + 3


def test_no_field_that_twilio_describes_is_left_out(network, twilio):
    sid = twilio.messages.create(to=ANA, from_=CLINIC, body="Hello").sid

    answer = requests.get(
        f"{network.url}/2010-04-01/Accounts/{network.account}/Messages/{sid}.json",
        auth=(network.account, network.auth_token),
        timeout=5,
    )

    described = DOCUMENT["components"]["schemas"]["api.v2010.account.message"]["properties"]
    assert answer.json().keys() == described.keys()
