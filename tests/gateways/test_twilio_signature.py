"""Only what the provider signed for this address is believed."""

import pytest
from starlette.datastructures import MultiDict
from twilio.request_validator import RequestValidator

from service.gateways.twilio_signature import TwilioSignature

URL = "https://clinic.example/webhooks/twilio/inbound"
FORM = MultiDict([("From", "+12815550123"), ("Body", "7"), ("Body", "8")])
NEWER = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


def signed(token: str, algorithm: str | None = None) -> str:
    signature: str = RequestValidator(token).compute_signature(URL, FORM, algorithm)
    return signature


@pytest.mark.parametrize("token", ["old token", "new token"])
def test_both_tokens_are_believed_while_one_replaces_the_other(token):
    assert TwilioSignature(["new token", "old token"]).fits(URL, FORM, signed(token), None)


def test_the_newer_way_of_signing_is_believed():
    signature = TwilioSignature(["token"])

    assert signature.fits(URL, FORM, signed("token", "HMAC_SHA256"), NEWER)
    assert not signature.fits(URL, FORM, signed("token"), NEWER)
    assert not signature.fits(URL, FORM, signed("token"), "key=1,algorithm=NONE")


@pytest.mark.parametrize("signature", [None, "", "é", "AAAA"])
def test_nothing_else_is_believed(signature):
    assert not TwilioSignature(["token"]).fits(URL, FORM, signature, None)


def test_another_address_or_another_word_is_not_believed():
    signature = TwilioSignature(["token"])

    assert not signature.fits(URL + "/", FORM, signed("token"), None)
    assert not signature.fits(
        URL, MultiDict([*FORM.multi_items(), ("Body", "9")]), signed("token"), None
    )
