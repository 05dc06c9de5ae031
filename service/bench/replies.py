"""What invented patients answer, as the provider would hand it over: signed, each with an id."""

from __future__ import annotations

from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from service.bench.databases import SENDER, phone
from service.bench.servers import Post
from service.gateways.twilio_sms import TwilioAccount

_PATH = "/webhooks/twilio/inbound"
_WORDS = (
    "2",
    "its a 3, way better thanks",
    "sore but ok, no numbness or swelling",
    "7 and my hand is still numb",
    "the spot is red and hot since last night",
    "un poco adolorido pero bien",
    "me duele mas que ayer, como un 8",
    "can I take ibuprofen for this?",
    "thank you!",
    "not great, cramps all night and I could hardly sleep",
)


def reply_form(number: int, patients: int, account: TwilioAccount) -> bytes:
    """Return the body of the webhook for the reply of this number."""
    return urlencode(_fields(number, patients, account)).encode()


def signed_reply(public_url: str, number: int, patients: int, account: TwilioAccount) -> Post:
    """Return the whole webhook, as the service at `public_url` believes it."""
    fields = _fields(number, patients, account)
    validator = RequestValidator(account.auth_token)
    return Post(
        _PATH,
        urlencode(fields).encode(),
        {
            "X-Twilio-Signature": validator.compute_signature(public_url + _PATH, fields),
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )


def _fields(number: int, patients: int, account: TwilioAccount) -> dict[str, str]:
    sid = f"SM{number:032x}"
    return {
        "AccountSid": account.sid,
        "MessageSid": sid,
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "From": phone(number % patients),
        "To": SENDER,
        "Body": _WORDS[number % len(_WORDS)],
        "NumMedia": "0",
        "NumSegments": "1",
        "ApiVersion": "2010-04-01",
    }
