"""Asking the provider what it took and what patients sent, by its own SDK."""

import logging
import logging.config
from dataclasses import replace
from datetime import timedelta

import pytest

from service.gateways.ports import MessageStatus, ProviderUnavailable
from service.gateways.twilio_lookups import TwilioLookUps
from service.sandbox.phone_faults import Rule, Trouble
from tests.gateways.test_twilio_sms import HELLO, SERVICE, send
from tests.sandbox.clinic import ANA, CLINIC, NOON

BEN = "+12815550124"
OTHER_CLINIC = "+15125550199"


def test_a_text_still_in_the_providers_queue_is_found(network, account, look_ups):
    network.break_with(Rule(Trouble.HELD))
    send(account, HELLO)

    (found,) = look_ups.sent_to(ANA, CLINIC, since=NOON - timedelta(seconds=60))

    assert (found.body, found.status) == (HELLO.text, "queued")
    assert found.created_at == NOON


def test_only_this_clinics_texts_to_this_patient_since_then_count(
    network, account, look_ups, clock
):
    send(account, replace(HELLO, text="too old"))
    clock.now = NOON + timedelta(hours=1)
    send(account, HELLO, replace(HELLO, recipient=BEN), replace(HELLO, sender=OTHER_CLINIC))
    network.inbound(ANA, CLINIC, "an answer")

    found = look_ups.sent_to(ANA, CLINIC, since=clock.now - timedelta(seconds=60))

    assert [sent.body for sent in found] == [HELLO.text]


def test_a_text_sent_through_a_messaging_service_is_found_by_it(account, look_ups):
    send(account, replace(HELLO, sender=SERVICE))

    assert len(look_ups.sent_to(ANA, SERVICE, since=NOON)) == 1
    assert look_ups.sent_to(ANA, "MG" + "0b" * 16, since=NOON) == []


def test_the_newest_text_comes_first(account, look_ups, clock):
    for number in range(3):
        clock.now += timedelta(minutes=1)
        send(account, replace(HELLO, text=f"Tip {number}"))

    found = look_ups.sent_to(ANA, CLINIC, since=NOON)

    assert [sent.body for sent in found] == ["Tip 2", "Tip 1", "Tip 0"]


def test_all_that_a_clinic_sent_since_then_is_told_with_its_phone(
    network, account, look_ups, clock
):
    send(account, replace(HELLO, text="too old"))
    clock.now = NOON + timedelta(days=2)
    send(account, HELLO, replace(HELLO, sender=OTHER_CLINIC))
    network.break_with(Rule(Trouble.HELD))
    send(account, replace(HELLO, recipient=BEN))
    network.inbound(ANA, CLINIC, "an answer")

    found = look_ups.sent_since(clock.now - timedelta(seconds=60), CLINIC)

    assert sorted(sent.recipient for sent in found) == [ANA, BEN]
    assert {sent.body for sent in found} == {HELLO.text}


def test_all_that_went_through_a_messaging_service_is_told(account, look_ups):
    send(account, HELLO, replace(HELLO, sender=SERVICE))

    assert [sent.recipient for sent in look_ups.sent_since(NOON, SERVICE)] == [ANA]


def test_where_a_text_stands_can_be_asked(network, account, look_ups):
    network.change_habits(step=0.001)
    send(account, replace(HELLO, recipient="+15005553005"))
    network.settle()
    ref = network.texts()[0].sid

    assert look_ups.fetch_status(ref) == MessageStatus(ref, "undelivered", 30005)
    assert look_ups.fetch_status("SM" + "0" * 32) is None


def test_answers_whose_webhook_was_lost_are_found(network, account, look_ups, clock):
    network.inbound(ANA, CLINIC, "too old")
    clock.now += timedelta(hours=1)
    send(account, HELLO)
    ref = network.inbound(ANA, CLINIC, "It tingles", photos=1)
    network.inbound(BEN, OTHER_CLINIC, "Fine")

    everybody = list(look_ups.received_since(clock.now - timedelta(minutes=10)))
    ours = list(look_ups.received_since(clock.now - timedelta(minutes=10), [CLINIC]))

    assert [received.body for received in everybody] == ["Fine", "It tingles"]
    (received,) = ours
    assert (received.ref, received.sender, received.recipient) == (ref, ANA, CLINIC)
    assert (received.body, received.num_media) == ("It tingles", 1)
    assert received.received_at == clock.now


def test_a_provider_that_cannot_be_asked_is_not_taken_for_a_no(network, account):
    look_ups = TwilioLookUps(replace(account, api_url="http://127.0.0.1:9"))

    with pytest.raises(ProviderUnavailable) as unavailable:
        look_ups.sent_to(ANA, CLINIC, since=NOON)
    with pytest.raises(ProviderUnavailable):
        next(look_ups.received_since(NOON))

    assert ANA[1:] not in str(unavailable.value)
    assert unavailable.value.__cause__ is None
    assert unavailable.value.__context__ is None
    look_ups.close()


def test_a_provider_that_refuses_the_question_is_not_taken_for_a_no(account):
    look_ups = TwilioLookUps(replace(account, auth_token="not the token"))

    with pytest.raises(ProviderUnavailable):
        look_ups.sent_to(ANA, CLINIC, since=NOON)

    look_ups.close()


def test_the_sdk_does_not_write_patients_into_the_log(account, look_ups, caplog):
    caplog.set_level(logging.DEBUG, logger="twilio")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # As uvicorn does.
    send(account, HELLO)

    look_ups.sent_to(ANA, CLINIC, since=NOON)

    assert ANA[1:] not in caplog.text
