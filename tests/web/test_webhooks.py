"""Only what the text provider signed, whole, gets in; and it gets in once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from service.domain.values import MessageState
from service.pathway.receipts import record_receipt
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.replies import Reply
from service.web import webhooks
from service.web.webhooks import TwilioWebhook, router
from tests.make import NOON, a_clinic
from tests.pathway.builders import OK, rules_that_read
from tests.pathway.make import a_message, an_address

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
    twilio = TwilioWebhook(ACCOUNT, ("token",), URL)
    app.include_router(
        router(sessions, twilio, rules_that_read(OK), lambda *told: None, lambda: NOON)
    )
    return TestClient(app)


def signed(form: dict[str, str], path: str = PATH) -> str:
    return RequestValidator("token").compute_signature(URL + path, form)


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


TWICE = [*TEXT.items(), ("Body", "i cant breathe")]


@pytest.mark.parametrize("field", ["Body", "From", "To", "MessageSid", "AccountSid"])
def test_a_field_that_comes_twice_is_refused_though_it_is_signed(
    client: TestClient, sessions: Sessions, field: str
) -> None:
    form = [*TEXT.items(), (field, "another value")]
    signature = RequestValidator("token").compute_signature(URL + PATH, ImmutableMultiDict(form))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signature,
    }

    answer = client.post(PATH, content=urlencode(form), headers=headers)

    assert answer.status_code == 403
    assert stored(sessions) == []


def test_the_bug_of_taking_the_last_of_two_would_be_noticed(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dict(form)`, which most examples do, keeps the last value and drops the one before it."""
    whole = webhooks._parsed
    monkeypatch.setattr(
        webhooks, "_parsed", lambda body: ImmutableMultiDict(dict(whole(body).multi_items()))
    )
    last_only = RequestValidator("token").compute_signature(URL + PATH, dict(TWICE))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": last_only,
    }

    answer = client.post(PATH, content=urlencode(TWICE), headers=headers)

    assert (answer.status_code, stored(sessions)) == (200, ["i cant breathe"])


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


def test_one_text_delivered_by_fifty_at_once_is_one_row(
    client: TestClient, sessions: Sessions
) -> None:
    start = Barrier(50)

    def deliver() -> int:
        start.wait()
        return post(TestClient(client.app), TEXT, SIGNED)

    with ThreadPoolExecutor(50) as threads:
        answers = [told.result() for told in [threads.submit(deliver) for _ in range(50)]]

    assert set(answers) == {200}
    assert stored(sessions) == ["fine thanks"]


def test_a_photo_is_kept_as_a_reference_and_reaches_a_person(
    client: TestClient, sessions: Sessions
) -> None:
    photo = "https://api.twilio.example/media/ME1"
    form = {
        **TEXT,
        "Body": "",
        "NumMedia": "1",
        "MediaUrl0": photo,
        "MediaContentType0": "image/jpeg",
    }

    assert post(client, form, signed(form)) == 200

    with sessions() as db:
        assert db.scalars(select(Reply)).one().media == [{"url": photo, "type": "image/jpeg"}]
        assert "photo" in db.scalars(select(Flag)).one().categories


@pytest.mark.parametrize("lacking", ["MediaUrl0", "MediaContentType0"])
def test_a_photo_without_its_reference_is_refused(
    client: TestClient, sessions: Sessions, lacking: str
) -> None:
    form = {
        **TEXT,
        "NumMedia": "1",
        "MediaUrl0": "https://api.twilio.example/media/ME1",
        "MediaContentType0": "image/jpeg",
    }
    del form[lacking]

    assert post(client, form, signed(form)) == 403
    assert stored(sessions) == []


def test_a_body_over_64_kilobytes_is_not_read_to_its_end(
    client: TestClient, sessions: Sessions
) -> None:
    form = {**TEXT, "Body": "x" * 65 * 1024}

    assert post(client, form, signed(form)) == 413
    assert stored(sessions) == []


def test_a_long_text_within_it_is_taken(client: TestClient, sessions: Sessions) -> None:
    form = {**TEXT, "Body": "ñ" * 1_600}

    assert post(client, form, signed(form)) == 200
    assert stored(sessions) == ["ñ" * 1_600]


def test_a_text_to_a_number_of_a_clinics_messaging_service_reaches_the_clinic(
    client: TestClient, sessions: Sessions
) -> None:
    service = "MG" + "1" * 32
    with sessions.begin() as db:
        other = a_clinic(db, name="Other", sender=service).id
    form = {**TEXT, "To": "+12815557777", "MessagingServiceSid": service}

    assert post(client, form, signed(form)) == 200
    with sessions() as db:
        assert db.scalars(select(Reply.clinic_id)).all() == [other]


def test_a_text_to_nobodys_number_is_not_taken(client: TestClient, sessions: Sessions) -> None:
    form = {**TEXT, "To": "+12815557777"}

    assert post(client, form, signed(form)) == 404
    assert stored(sessions) == []


# --- what became of our texts ----------------------------------------------------------------


@pytest.fixture
def sent(sessions: Sessions) -> UUID:
    """A check-in that is at the provider, who has said nothing more of it."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        message = a_message(
            db,
            clinic,
            an_address(db, clinic),
            state=MessageState.ACCEPTED,
            reason="The provider has taken it.",
            provider_ref=OUR_SID,
            provider_status="queued",
        )
        return message.id


@pytest.fixture
def receipts(sessions: Sessions, sent: UUID) -> TestClient:
    app = FastAPI()
    twilio = TwilioWebhook(ACCOUNT, ("token",), URL)
    app.include_router(router(sessions, twilio, rules_that_read(OK), record_receipt, lambda: NOON))
    return TestClient(app)


OUR_SID = "SM" + "b" * 32


def report(client: TestClient, message_id: UUID, status: str, **more: str) -> int:
    path = f"/webhooks/twilio/status/{message_id}"
    form = {
        "AccountSid": ACCOUNT,
        "From": "+12815550000",
        "MessageSid": OUR_SID,
        "MessageStatus": status,
        "To": "+12815550123",
        **more,
    }
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signed(form, path),
    }
    return client.post(path, content=urlencode(form), headers=headers).status_code


@pytest.mark.parametrize("order", list(permutations(["sending", "sent", "delivered"])))
def test_reports_in_any_order_and_twice_end_in_the_same_row(
    receipts: TestClient, sessions: Sessions, sent: UUID, order: tuple[str, ...]
) -> None:
    for status in (*order, *order):
        assert report(receipts, sent, status) == 200

    with sessions() as db:
        row = db.get_one(Message, sent)
        assert (row.state, row.provider_status) == (MessageState.DELIVERED, "delivered")
        assert row.delivered_at == NOON


def test_a_report_of_a_failure_says_why(
    receipts: TestClient, sessions: Sessions, sent: UUID
) -> None:
    assert report(receipts, sent, "undelivered", ErrorCode="30006") == 200

    with sessions() as db:
        row = db.get_one(Message, sent)
        assert (row.state, row.error_code) == (MessageState.UNDELIVERED, 30006)


def test_a_report_on_a_message_nobody_knows_is_taken_and_changes_nothing(
    receipts: TestClient, sessions: Sessions, sent: UUID
) -> None:
    assert report(receipts, uuid4(), "delivered") == 200

    with sessions() as db:
        assert db.scalars(select(Message.state)).all() == [MessageState.ACCEPTED]


def test_a_report_on_another_clinics_message_under_this_ones_name_changes_neither(
    receipts: TestClient, sessions: Sessions, sent: UUID
) -> None:
    with sessions.begin() as db:
        other = a_clinic(db, name="Other", sender="+12815550009")
        theirs = a_message(
            db,
            other,
            an_address(db, other),
            state=MessageState.ACCEPTED,
            reason="The provider has taken it.",
            provider_ref="SM" + "c" * 32,
        ).id

    assert report(receipts, theirs, "delivered") == 200

    with sessions() as db:
        assert set(db.scalars(select(Message.state))) == {MessageState.ACCEPTED}


@pytest.mark.parametrize("field", ["MessageSid", "MessageStatus", "ErrorCode"])
def test_a_report_that_is_not_well_formed_is_refused(
    receipts: TestClient, sent: UUID, field: str
) -> None:
    assert report(receipts, sent, "sent", **{field: "?"}) == 403
