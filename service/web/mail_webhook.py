"""What mail relays post to us: patients' emails. The address holds a secret, or it is 403."""

# No postponed annotations here: the route names a dependency that only its factory knows.

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from service.gateways.ports import ReceivedEmail
from service.gateways.posted_mail import NotAnEmail, read_posted
from service.pathway.inbound_mail import NoClinic, is_inbound_token, take_email
from service.pathway.rules import Rules
from service.store.engine import Sessions
from service.store.secrets import Vault

Posted = tuple[str, bytes]
"""The content type and the beginning of what was posted: long mails are read in a thread."""

_KEPT = 1024 * 1024
"""Bytes of a request that are kept and read: a mail's words come before its photos."""
_LARGEST = 40 * 1024 * 1024
"""Bytes that are listened to: no mail provider takes larger mails."""

log = structlog.get_logger(__name__)


def router(
    sessions: Sessions, vault: Vault, rules: Rules, now: Callable[[], datetime]
) -> APIRouter:
    """Return the route; it answers 2xx only after its transaction was committed (I2)."""
    routes = APIRouter(prefix="/webhooks/email", tags=["webhooks"])

    async def posted(token: str, request: Request) -> Posted:
        if not is_inbound_token(vault, token):
            log.warning("webhook_refused", because="token")
            raise HTTPException(403, "This is not the address that emails are posted to.")
        return request.headers.get("Content-Type", ""), await _beginning(request)

    @routes.post("/inbound/{token}")
    def inbound(post: Annotated[Posted, Depends(posted)]) -> Response:
        email = _email(*post)
        try:
            with sessions.begin() as db:
                take_email(db, email, rules, now())
        except NoClinic as error:
            log.error("email_for_no_clinic")
            raise HTTPException(404, "No clinic has this address.") from error
        return Response(status_code=204)

    return routes


def _email(content_type: str, body: bytes) -> ReceivedEmail:
    try:
        return read_posted(content_type, body)
    except NotAnEmail as error:
        raise HTTPException(422, f"This is not an email: {error}.") from error


async def _beginning(request: Request) -> bytes:
    """Return what is kept of the body; the rest is heard and let go, so that it takes no room."""
    body = bytearray()
    heard = 0
    async for chunk in request.stream():
        heard += len(chunk)
        if heard > _LARGEST:
            raise HTTPException(413, "The email is too large.")
        body += chunk[: _KEPT - len(body)]
    return bytes(body)
