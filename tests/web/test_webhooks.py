"""Only what the text provider signed, whole, gets in; and it gets in once."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from service.store.engine import Sessions
from service.store.replies import Reply
from service.web.webhooks import TwilioWebhook, router
from tests.make import NOON, a_clinic
from tests.pathway.builders import OK, rules_that_read

ACCOUNT = "AC" + "0" * 32
URL = "https://care.example"
PATH = "/webhooks/twilio/inbound"
TEXT = {
    "AccountSid": ACCOUNT,
    "Body": "fine thanks",
    "From": "+17135550111",
    "MessageSid": "SM" + "a" * 32,
    "NumMedia": "0",
    "To": "+12815550000",
}
SIGNED = RequestValidator("token").compute_signature(URL + PATH, TEXT)


@pytest.fixture
def client(sessions: Sessions) -> TestClient:
    with sessions.begin() as db:
        a_clinic(db)
    app = FastAPI()
    twilio = TwilioWebhook(ACCOUNT, "token", URL)
    app.include_router(
        router(sessions, twilio, rules_that_read(OK), lambda *told: None, lambda: NOON)
    )
    return TestClient(app)


def post(client: TestClient, form: dict[str, str], signature: str | None) -> int:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if signature is not None:
        headers["X-Twilio-Signature"] = signature
    return client.post(PATH, content=urlencode(form), headers=headers).status_code


def stored(sessions: Sessions) -> list[str | None]:
    with sessions() as db:
        return [reply.body for reply in db.scalars(select(Reply))]


def test_a_signed_text_is_stored_once_however_often_it_comes(
    client: TestClient, sessions: Sessions
) -> None:
    assert [post(client, TEXT, SIGNED) for _ in range(2)] == [200, 200]
    assert stored(sessions) == ["fine thanks"]


@pytest.mark.parametrize("signature", [None, "", "forged"])
def test_a_forged_signature_is_refused(
    client: TestClient, sessions: Sessions, signature: str | None
) -> None:
    assert post(client, TEXT, signature) == 403
    assert stored(sessions) == []


def test_fields_spliced_into_another_are_refused(client: TestClient, sessions: Sessions) -> None:
    spliced = {name: TEXT[name] for name in ("AccountSid", "NumMedia", "To")}
    spliced["Body"] = f"{TEXT['Body']}From{TEXT['From']}MessageSid{TEXT['MessageSid']}"

    assert RequestValidator("token").validate(URL + PATH, spliced, SIGNED)
    assert post(client, spliced, SIGNED) == 403
    assert stored(sessions) == []
