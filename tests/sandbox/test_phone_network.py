"""The pretend phone network, driven by Twilio's own SDK over real connections."""

import json
from datetime import datetime, timedelta

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from service.sandbox.journal import read_journal
from service.sandbox.phone_exchange import OptOuts
from service.sandbox.phone_faults import Rule, Trouble
from service.sandbox.phone_network import PhoneNetwork
from tests.sandbox.clinic import ANA, CLINIC, NOON
from tests.sandbox.conftest import twilio_client

BEN = "+12815550124"
SERVICE = "MG" + "0a" * 16


def status_url(clinic):
    return f"{clinic.url}/webhooks/twilio/status/1"


def test_a_text_is_queued_sent_and_delivered_and_the_clinic_is_told(network, twilio, clinic):
    sent = twilio.messages.create(
        to=ANA, from_=CLINIC, body="Hello", status_callback=status_url(clinic)
    )
    network.settle()

    assert sent.status == "queued"
    assert clinic.fields("MessageStatus") == ["sent", "delivered"]
    assert clinic.fields("MessageSid") == [sent.sid, sent.sid]
    assert all(heard.signed for heard in clinic.heard)
    assert twilio.messages(sent.sid).fetch().status == "delivered"


def test_a_messaging_service_chooses_its_number_later(network, twilio, clinic):
    sent = twilio.messages.create(
        to=ANA,
        messaging_service_sid=SERVICE,
        body="Hello",
        status_callback=status_url(clinic),
    )
    network.settle()

    assert (sent.status, sent.from_, sent.num_segments) == ("accepted", None, "0")
    assert clinic.fields("MessageStatus") == ["queued", "sent", "delivered"]
    assert twilio.messages(sent.sid).fetch().from_.startswith("+1512555")


def test_a_patient_who_answers_is_announced_with_a_signature(network, clinic):
    sid = network.inbound(ANA, CLINIC, "7, and my foot tingles", photos=2)
    network.settle()

    (heard,) = clinic.heard
    assert heard.signed
    assert heard.path == "/webhooks/twilio/inbound"
    assert heard.fields["MessageSid"] == sid
    assert heard.fields["From"] == ANA
    assert heard.fields["To"] == CLINIC
    assert heard.fields["Body"] == "7, and my foot tingles"
    assert heard.fields["NumMedia"] == "2"
    assert heard.fields["MediaUrl1"].startswith("https://")


def test_a_webhook_can_be_signed_the_newer_way(network, clinic):
    network.change_habits(algorithm="HMAC_SHA256")

    network.inbound(ANA, CLINIC, "3")
    network.settle()

    assert [heard.signed for heard in clinic.heard] == [True]


def test_an_answer_is_in_the_list_even_when_its_webhook_failed(network, twilio, clinic):
    clinic.answers[:] = [500, 500]

    network.inbound(ANA, CLINIC, "It got worse")
    network.settle()

    assert len(clinic.heard) == 2
    assert clinic.heard[0].token == clinic.heard[1].token
    (listed,) = twilio.messages.list(to=CLINIC)
    assert (listed.direction, listed.body) == ("inbound", "It got worse")
    assert network.texts()[0].webhook == "answered 500"


def test_webhooks_can_come_twice_and_backwards(network, twilio, clinic):
    network.change_habits(copies=2, order="reversed")

    twilio.messages.create(to=ANA, from_=CLINIC, body="Hello", status_callback=status_url(clinic))
    network.settle()

    assert clinic.fields("MessageStatus") == ["delivered", "delivered", "sent", "sent"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": "2815550123"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"from_": "+15005550008"}, 21611),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"validity_period": 0}, 21624),
        ({"validity_period": 36_001}, 21624),
        ({"to": CLINIC}, 21266),
    ],
)
def test_what_twilio_refuses_is_refused_with_its_code(network, twilio, change, code):
    text = {"to": ANA, "from_": CLINIC, "body": "Hello", **change}

    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(**text)

    assert (refused.value.status, refused.value.code) == (400, code)
    assert network.texts() == []


def test_a_wrong_token_is_not_let_in(network):
    client = twilio_client(network, auth_token="not the token")

    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=ANA, from_=CLINIC, body="Hello")

    assert (refused.value.status, refused.value.code) == (401, 20003)
    client.http_client.session.close()


def test_a_busy_account_is_told_to_wait_and_then_served(network, twilio):
    network.break_with(Rule(Trouble.REFUSE, status=429, code=20429, retry_after=3, to=ANA, times=1))

    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ANA, from_=CLINIC, body="Hello")
    twilio.messages.create(to=ANA, from_=CLINIC, body="Hello")

    assert (refused.value.status, refused.value.code) == (429, 20429)
    assert len(network.texts()) == 1


@pytest.mark.parametrize(
    ("trouble", "taken"),
    [
        (Trouble.RESET, 0),
        (Trouble.TAKE_AND_CUT, 1),
        (Trouble.CUT_ANSWER, 1),
    ],
)
def test_a_broken_line_hides_whether_a_text_was_taken(network, twilio, trouble, taken):
    network.break_with(Rule(trouble, times=1))

    with pytest.raises(requests.RequestException):
        twilio.messages.create(to=ANA, from_=CLINIC, body="Hello")

    assert len(network.texts()) == taken


@pytest.mark.parametrize("number", [30003, 30005, 30006, 30007, 30034])
def test_some_phones_take_a_text_and_do_not_get_it(network, twilio, clinic, number):
    to = f"+1500555{number - 30000 + 3000}"

    twilio.messages.create(to=to, from_=CLINIC, body="Hello", status_callback=status_url(clinic))
    network.settle()

    assert clinic.fields("MessageStatus") == ["sent", "undelivered"]
    assert clinic.fields("ErrorCode") == ["", str(number)]


def test_a_text_to_a_phone_that_is_off_waits_until_it_is_on(network, twilio):
    network.switch(ANA, on=False)
    sid = twilio.messages.create(to=ANA, from_=CLINIC, body="Hello").sid
    waiting = twilio.messages(sid).fetch()

    network.switch(ANA, on=True)
    network.settle(also_held=True)

    assert (waiting.status, waiting.date_sent) == ("queued", None)
    assert twilio.messages(sid).fetch().status == "delivered"


def test_a_text_is_given_up_when_its_validity_ends(network, twilio, clinic, clock):
    network.switch(ANA, on=False)
    sid = twilio.messages.create(
        to=ANA,
        from_=CLINIC,
        body="Hello",
        validity_period=600,
        status_callback=status_url(clinic),
    ).sid

    clock.now += timedelta(seconds=600)
    network.settle(also_held=True)

    given_up = twilio.messages(sid).fetch()
    assert (given_up.status, given_up.error_code, given_up.date_sent) == ("failed", 30036, None)


def test_a_held_text_has_no_date_of_sending(network, twilio):
    network.break_with(Rule(Trouble.HELD))

    twilio.messages.create(to=ANA, from_=CLINIC, body="Hello")

    assert [text.body for text in twilio.messages.list(to=ANA)] == ["Hello"]
    assert twilio.messages.list(to=ANA, date_sent_after=NOON - timedelta(days=1)) == []


def test_stop_silences_one_clinic_until_start(network, twilio, clinic):
    network.inbound(ANA, CLINIC, " stop ")
    with pytest.raises(TwilioRestException) as refused:
        twilio.messages.create(to=ANA, from_=CLINIC, body="Hello")
    other = twilio.messages.create(to=ANA, from_="+15125550199", body="Hello")
    network.inbound(ANA, CLINIC, "START")
    again = twilio.messages.create(to=ANA, from_=CLINIC, body="Hello again")

    assert refused.value.code == 21610
    assert (other.status, again.status) == ("queued", "queued")


def test_only_the_exact_word_is_a_stop_to_the_network(network, twilio):
    network.inbound(ANA, CLINIC, "Stop please")

    assert twilio.messages.create(to=ANA, from_=CLINIC, body="Hello").status == "queued"


def test_the_network_says_itself_that_it_stopped(network):
    network.inbound(ANA, CLINIC, "STOP")

    (phone,) = network.phones()
    assert [text.direction for text in phone.texts] == ["inbound", "outbound-reply"]


@pytest.mark.parametrize(
    ("opt_outs", "told"),
    [(OptOuts.OFF, ""), (OptOuts.DEFAULT, ""), (OptOuts.ADVANCED, "STOP")],
)
def test_the_webhook_names_the_opt_out_only_where_that_was_bought(network, clinic, opt_outs, told):
    network.change_habits(opt_outs=opt_outs)

    network.inbound(ANA, CLINIC, "STOP")
    network.settle()

    assert clinic.fields("OptOutType") == [told]


def test_a_restarted_network_remembers_everything(network, clock, tmp_path, twilio):
    sid = twilio.messages.create(to=ANA, from_=CLINIC, body="Hello").sid
    network.settle()
    network.inbound(BEN, CLINIC, "STOP")
    network.settle()
    network.switch(BEN, on=False)

    again = PhoneNetwork(clock, journal=tmp_path / "phones.jsonl")
    again.start()
    client = twilio_client(again)
    try:
        assert [(text.sid, text.status, text.body, text.sent_at) for text in again.texts()] == [
            (text.sid, text.status, text.body, text.sent_at) for text in network.texts()
        ]
        assert client.messages(sid).fetch().status == "delivered"
        assert [(phone.number, phone.on) for phone in again.phones()] == [(BEN, False), (ANA, True)]
        with pytest.raises(TwilioRestException, match="unsubscribed"):
            client.messages.create(to=BEN, from_=CLINIC, body="Hello")
    finally:
        client.http_client.session.close()
        again.stop()


def test_a_restarted_network_delivers_what_was_under_way(clock, tmp_path):
    journal = tmp_path / "under_way.jsonl"
    first = PhoneNetwork(clock, journal=journal, step=None)
    first.start()
    client = twilio_client(first)
    client.messages.create(to=ANA, from_=CLINIC, body="Hello")
    client.http_client.session.close()
    first.stop()

    second = PhoneNetwork(clock, journal=journal, step=0.002)
    second.start()
    second.settle()

    assert [text.status for text in second.texts()] == ["delivered"]
    second.stop()


def test_the_journal_tells_what_was_taken_and_what_was_not(network, twilio, tmp_path):
    with pytest.raises(TwilioRestException):
        twilio.messages.create(to="+15005550009", from_=CLINIC, body="Hello")
    twilio.messages.create(to=ANA, from_=CLINIC, body="Hello")
    network.settle()

    entries = list(read_journal(tmp_path / "phones.jsonl"))

    assert [entry["event"] for entry in entries] == ["refused", "accepted", "status", "status"]
    assert entries[0]["code"] == 21614
    assert (entries[1]["recipient"], entries[1]["body"]) == (ANA, "Hello")
    assert all(datetime.fromisoformat(entry["at"]) == NOON for entry in entries)


def test_a_line_of_the_journal_cut_short_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "phones.jsonl"
    path.write_text('{"event":"phone","number":"+1","on":false}\n{"event":"pho')

    assert len(list(read_journal(path))) == 1


def test_another_process_can_turn_the_knobs(network, clinic):
    def control(method, path, body):
        login = (network.account, network.auth_token)
        return requests.request(
            method, network.url + path, data=json.dumps(body), auth=login, timeout=5
        )

    answers = [
        control("POST", "/control/habits", {"latency": 0, "copies": 2}),
        control("POST", "/control/rules", {"trouble": "hang", "times": 1}),
        control("DELETE", "/control/rules", {}),
        control("POST", "/control/texts", {"phone": ANA, "clinic": CLINIC, "body": "Fine"}),
        control("GET", "/control/texts", {}),
        control("POST", "/control/habits", {"no such": 1}),
    ]
    network.settle()

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 400]
    assert [text["body"] for text in answers[4].json()] == ["Fine"]
    assert clinic.fields("Body") == ["Fine", "Fine"]


def test_strangers_cannot_turn_the_knobs(network):
    answer = requests.post(f"{network.url}/control/rules", json={"trouble": "hang"}, timeout=5)

    assert answer.status_code == 401
