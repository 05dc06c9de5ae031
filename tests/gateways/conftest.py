"""A pretend phone network and the gateway to it."""

from collections.abc import Iterator

import pytest

from service.gateways.twilio_lookups import TwilioLookUps
from service.gateways.twilio_sms import TwilioAccount
from service.sandbox.phone_network import PhoneNetwork
from tests.sandbox.clinic import HandMovedClock


@pytest.fixture
def clock() -> HandMovedClock:
    return HandMovedClock()


@pytest.fixture
def network(clock: HandMovedClock) -> Iterator[PhoneNetwork]:
    network = PhoneNetwork(clock, step=None)
    network.start()
    yield network
    network.stop()


@pytest.fixture
def account(network: PhoneNetwork) -> TwilioAccount:
    return TwilioAccount(network.account, network.auth_token, network.url)


@pytest.fixture
def look_ups(account: TwilioAccount) -> Iterator[TwilioLookUps]:
    look_ups = TwilioLookUps(account)
    yield look_ups
    look_ups.close()
