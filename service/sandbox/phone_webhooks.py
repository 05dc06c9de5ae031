"""The form fields that Twilio's webhooks carry."""

from __future__ import annotations

from service.sandbox.texts import API_VERSION, Text, segments_of


def status_fields(text: Text, account: str) -> dict[str, str]:
    """Return what a status callback says about a text we were asked to send."""
    fields = {
        "AccountSid": account,
        "ApiVersion": API_VERSION,
        "From": text.sender or "",
        "MessageSid": text.sid,
        "MessageStatus": text.status,
        "SmsSid": text.sid,
        "SmsStatus": text.status,
        "To": text.recipient,
    }
    if text.service:
        fields["MessagingServiceSid"] = text.service
    if text.error_code is not None:
        fields["ErrorCode"] = str(text.error_code)
    return fields


def inbound_fields(text: Text, account: str, opt_out: str | None) -> dict[str, str]:
    """Return what the webhook for a patient's text says; places are only ever guesses."""
    fields = {
        "AccountSid": account,
        "ApiVersion": API_VERSION,
        "Body": text.body,
        "From": text.sender or "",
        "FromCity": "AUSTIN",
        "FromCountry": "US",
        "FromState": "TX",
        "FromZip": "78701",
        "MessageSid": text.sid,
        "NumMedia": str(text.photos),
        "NumSegments": str(segments_of(text.body)),
        "SmsMessageSid": text.sid,
        "SmsSid": text.sid,
        "SmsStatus": "received",
        "To": text.recipient,
        "ToCity": "",
        "ToCountry": "US",
        "ToState": "TX",
        "ToZip": "",
    }
    for number in range(text.photos):
        address = f"/{API_VERSION}/Accounts/{account}/Messages/{text.sid}/Media/ME{number:032x}"
        fields[f"MediaUrl{number}"] = f"https://api.twilio.com{address}"
        fields[f"MediaContentType{number}"] = "image/jpeg"
    if text.service:
        fields["MessagingServiceSid"] = text.service
    if opt_out:
        fields["OptOutType"] = opt_out
    return fields
