"""What the text provider posts to us: patients' texts, and what became of ours. Signed, or 403."""

# No postponed annotations here: the routes name a dependency that only their factory knows.

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from sqlalchemy.orm import Session
from starlette.datastructures import ImmutableMultiDict

from service.domain.values import Channel
from service.gateways.twilio_signature import SIGNATURE_HEADERS, TwilioSignature
from service.pathway.replies import Incoming, Rules, receive
from service.store.clinics import Clinic, clinic_written_to
from service.store.engine import Sessions
from service.store.together import Together

Form = ImmutableMultiDict[str, str]
RecordReceipt = Callable[[Session, UUID, str, str, int | None, datetime], object]
"""Called as `(db, message_id, ref, status, error_code, now)`."""

log = structlog.get_logger(__name__)

_LARGEST_BODY = 64 * 1024
_MOST_FIELDS = 200
_MOST_MEDIA = 10
_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_STATUS = re.compile(r"[a-z]{1,20}")
_COUNT = re.compile(r"[0-9]{1,2}")
_CODE = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class TwilioWebhook:
    """Whose requests are believed: the account, its tokens, and the address it knows us by."""

    account_sid: str
    auth_tokens: tuple[str, ...]
    """Two while one replaces the other."""
    public_url: str
    """Scheme and host as configured at the provider; no header of a request may replace it."""


def router(
    sessions: Sessions,
    twilio: TwilioWebhook,
    rules: Rules,
    record_receipt: RecordReceipt,
    now: Callable[[], datetime],
) -> APIRouter:
    """Return the two routes; each answers 2xx only after its transaction was committed (I2)."""
    routes = APIRouter(prefix="/webhooks/twilio", tags=["webhooks"])
    signature = TwilioSignature(twilio.auth_tokens)
    together = Together(sessions)

    async def signed(request: Request) -> Form:
        return await _signed_form(request, twilio, signature)

    @routes.post("/inbound")
    def inbound(form: Annotated[Form, Depends(signed)]) -> Response:
        incoming = _incoming(form, now())
        together.do(lambda db: receive(db, _clinic(db, form), incoming, rules))
        return _nothing_to_say()

    @routes.post("/status/{message_id}")
    def status(message_id: UUID, form: Annotated[Form, Depends(signed)]) -> Response:
        ref = _field(form, "MessageSid", _SID)
        became = _field(form, "MessageStatus", _STATUS)
        code = _field(form, "ErrorCode", _CODE) if form.get("ErrorCode") else None
        error = int(code) if code else None
        together.do(lambda db: record_receipt(db, message_id, ref, became, error, now()))
        return _nothing_to_say()

    return routes


async def _signed_form(request: Request, twilio: TwilioWebhook, signature: TwilioSignature) -> Form:
    """Return the form of a request the provider signed; 403 for any other."""
    signed, settings = (request.headers.getlist(name) for name in SIGNATURE_HEADERS)
    if len(signed) != 1 or len(settings) > 1:
        raise _refused("signature")
    form = _parsed(await _body(request))
    url = twilio.public_url.rstrip("/") + request.url.path
    if request.url.query:
        url = f"{url}?{request.url.query}"
    if not signature.fits(url, form, signed[0], settings[0] if settings else None):
        raise _refused("signature")
    # The signature runs names and values together, so that a captured request can be cut into
    # other fields and still fit it: only whole and well-formed fields are believed.
    if _field(form, "AccountSid") != twilio.account_sid:
        raise _refused("AccountSid")
    sid = _field(form, "MessageSid", _SID)
    for name in ("SmsMessageSid", "SmsSid"):
        if name in form and _field(form, name) != sid:
            raise _refused(name)
    _field(form, "To", _E164)
    _field(form, "From", _E164)
    return form


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise HTTPException(413, "The body is too large.")
    return bytes(body)


def _parsed(body: bytes) -> Form:
    try:
        return ImmutableMultiDict(
            parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                errors="strict",
                max_num_fields=_MOST_FIELDS,
            )
        )
    except ValueError as error:
        raise _refused("form") from error


def _field(form: Form, name: str, shape: re.Pattern[str] | None = None) -> str:
    """Return a field that is there exactly once and has this shape; 403 otherwise."""
    values = form.getlist(name)
    if len(values) != 1 or (shape is not None and not shape.fullmatch(values[0])):
        raise _refused(name)
    return values[0]


def _incoming(form: Form, received_at: datetime) -> Incoming:
    media = int(_field(form, "NumMedia", _COUNT))
    if media > _MOST_MEDIA:
        raise _refused("NumMedia")
    return Incoming(
        channel=Channel.SMS,
        provider="twilio",
        provider_ref=_field(form, "MessageSid"),
        sender_address=_field(form, "From"),
        body=_field(form, "Body"),
        media=tuple(
            {
                "url": _field(form, f"MediaUrl{index}"),
                "type": _field(form, f"MediaContentType{index}"),
            }
            for index in range(media)
        ),
        received_at=received_at,
        provider_confirms="OptOutType" in form,
    )


def _clinic(db: Session, form: Form) -> Clinic:
    clinic = clinic_written_to(db, _field(form, "To"))
    if clinic is None and form.get("MessagingServiceSid"):
        clinic = clinic_written_to(db, _field(form, "MessagingServiceSid", _SERVICE))
    if clinic is None:
        log.error("text_for_no_clinic", ref=_field(form, "MessageSid"))
        raise HTTPException(404, "No clinic has this number.")
    return clinic


def _refused(what: str) -> HTTPException:
    log.warning("webhook_refused", because=what)
    return HTTPException(403, "This request was not signed by the provider.")


def _nothing_to_say() -> Response:
    # Answers go out through our own rows, so that they are recorded and paced like all others.
    return Response(
        '<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type="application/xml"
    )
