"""Handing texts to the provider: what it took, what it refused, and what nobody can know yet."""

import asyncio
import socket
import time
from dataclasses import replace
from urllib.parse import parse_qs
from uuid import UUID

import pytest

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.domain.values import Channel
from service.gateways.ports import Outgoing
from service.gateways.twilio_sms import TwilioAccount, TwilioGateway, form_of, outcome_of
from service.sandbox.phone_faults import Rule, Trouble
from tests.sandbox.clinic import ANA, CLINIC

SERVICE = "MG" + "0a" * 16
HELLO = Outgoing(
    id=UUID(int=1),
    channel=Channel.SMS,
    sender=CLINIC,
    recipient=ANA,
    text="¿Cómo está? 100% & más + [~]",
    valid_for=3600,
)


def send(account: TwilioAccount, *outgoing: Outgoing) -> list[Outcome]:
    async def go() -> list[Outcome]:
        gateway = TwilioGateway(account)
        try:
            return await asyncio.gather(*(gateway.send(each) for each in outgoing))
        finally:
            await gateway.close()

    return asyncio.run(go())


def test_a_text_arrives_at_the_provider_word_for_word(network, account):
    (outcome,) = send(account, HELLO)

    (text,) = network.texts()
    assert outcome == Accepted(text.sid, "queued", segments=1)
    assert (text.sender, text.recipient, text.body) == (CLINIC, ANA, HELLO.text)


def test_a_text_carries_how_long_it_is_good_for_and_where_to_report(network, account, clock):
    send(account, replace(HELLO, valid_for=600, callback_url="https://clinic.example/s?a=1&b=2"))

    (text,) = network.texts()
    assert (text.valid_until - clock.now).total_seconds() == 600
    assert text.callback_url == "https://clinic.example/s?a=1&b=2"


def test_a_clinic_with_a_messaging_service_sends_through_it(network, account):
    (outcome,) = send(account, replace(HELLO, sender=SERVICE))

    (text,) = network.texts()
    assert outcome == Accepted(text.sid, "accepted", segments=None)
    assert (text.service, text.sender) == (SERVICE, None)


@pytest.mark.parametrize("words", ["a+b=c&d %20 #?/\\~", "ñandú ¿ya?", "line\nbreak\r\n\t", "😀€"])
def test_no_word_is_changed_on_the_way(words):
    form = parse_qs(form_of(replace(HELLO, text=words)).decode("ascii"), strict_parsing=True)

    assert form["Body"] == [words]


@pytest.mark.parametrize(("asked", "sent"), [(0, 1), (-5, 1), (90_000, 36_000)])
def test_a_validity_outside_what_the_provider_knows_is_brought_inside(asked, sent):
    assert f"ValidityPeriod={sent}" in form_of(replace(HELLO, valid_for=asked)).decode()


def test_a_hundred_texts_can_be_on_their_way_at_once(network, account):
    network.change_habits(latency=0.3)
    began = time.monotonic()

    outcomes = send(account, *[HELLO] * 100)

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("code", [21211, 21408, 21610, 21612, 21614, 30034])
def test_what_the_provider_names_a_reason_for_is_refused_for_good(network, account, code):
    network.break_with(Rule(Trouble.REFUSE, code=code))

    (outcome,) = send(account, HELLO)

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after) == (code, None)
    assert network.texts() == []


def test_the_reason_of_a_refusal_does_not_name_the_patient(network, account):
    (outcome,) = send(account, replace(HELLO, recipient="+15005550001"))

    assert isinstance(outcome, Refused)
    assert "5550001" not in outcome.reason


def test_a_wrong_token_is_a_refusal_with_its_code(network, account):
    (outcome,) = send(replace(account, auth_token="not the token"), HELLO)

    assert isinstance(outcome, Refused)
    assert outcome.code == 20003


def test_asked_to_slow_down_we_wait_as_long_as_asked(network, account):
    network.break_with(Rule(Trouble.REFUSE, status=429, code=20429, retry_after=7))

    (outcome,) = send(account, HELLO)

    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after) == (20429, 7.0)


@pytest.mark.parametrize(
    ("trouble", "status", "taken"),
    [
        pytest.param(Trouble.REFUSE, 500, 0, id="server error"),
        pytest.param(Trouble.REFUSE, 503, 0, id="unavailable"),
        pytest.param(Trouble.RESET, 400, 0, id="reset before it was read"),
        pytest.param(Trouble.TAKE_AND_FAIL, 500, 1, id="taken, then server error"),
        pytest.param(Trouble.TAKE_AND_CUT, 400, 1, id="taken, then cut"),
        pytest.param(Trouble.CUT_ANSWER, 400, 1, id="taken, answer cut"),
        pytest.param(Trouble.HALF_ANSWER, 400, 1, id="taken, answer unreadable"),
        pytest.param(Trouble.NO_SID, 400, 1, id="taken, answer without a sid"),
    ],
)
def test_what_may_have_been_taken_is_unclear(network, account, trouble, status, taken):
    network.break_with(Rule(trouble, status=status))

    (outcome,) = send(account, HELLO)

    assert isinstance(outcome, Unclear)
    assert len(network.texts()) == taken


@pytest.mark.parametrize("trouble", [Trouble.HANG, Trouble.TAKE_AND_HANG])
def test_a_provider_that_never_answers_holds_nothing_up_for_ever(network, account, trouble):
    network.break_with(Rule(trouble))

    async def go() -> Outcome:
        gateway = TwilioGateway(account, answer_seconds=0.2)
        try:
            return await gateway.send(HELLO)
        finally:
            await gateway.close()

    assert isinstance(asyncio.run(go()), Unclear)


def test_a_provider_that_cannot_be_reached_has_certainly_not_taken_it(account):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free_port = listening.getsockname()[1]

    (outcome,) = send(replace(account, api_url=f"http://127.0.0.1:{free_port}"), HELLO)

    assert isinstance(outcome, Refused)
    assert outcome.code is None
    assert outcome.retry_after is not None


def test_a_provider_whose_name_is_unknown_has_certainly_not_taken_it(account):
    (outcome,) = send(replace(account, api_url="http://no-such-host.invalid"), HELLO)

    assert isinstance(outcome, Refused)
    assert outcome.retry_after is not None


def test_a_text_whose_moment_has_passed_is_not_sent(network, account):
    (outcome,) = send(account, replace(HELLO, sent_by=time.monotonic() - 0.001))

    assert isinstance(outcome, Refused)
    assert outcome.retry_after == 0
    assert network.texts() == []


def test_a_text_whose_moment_is_near_is_still_sent(network, account):
    (outcome,) = send(account, replace(HELLO, sent_by=time.monotonic() + 4))

    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"<html>a proxy's words</html>"),
        (404, b"{}"),
        (408, b"{}"),
        (302, b"{}"),
        (200, b"[]"),
        (201, b'{"sid": "../SM1"}'),
        (599, b'{"code": 21610}'),
    ],
)
def test_an_answer_that_is_not_the_providers_own_is_unclear(status, body):
    assert isinstance(outcome_of(status, {}, body), Unclear)


def test_an_api_key_sends_for_the_account():
    account = TwilioAccount("AC1", "token", key_sid="SK1", key_secret="secret")

    assert account.login == ("SK1", "secret")
