"""The door for mail relays: opened by its secret, bounded, and 2xx only for what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from service.app import reply_rules
from service.pathway.inbound_mail import inbound_token
from service.store.engine import Sessions
from service.store.replies import Reply
from service.store.secrets import Vault
from service.web.deps import WebParts
from service.web.mail_webhook import router
from service.web.site import build_site
from tests.make import NOON, a_clinic

RAW = {"Content-Type": "message/rfc822"}


@dataclass
class Door:
    """Where mail relays post to."""

    client: TestClient
    url: str


@pytest.fixture
def door(engine: Engine, sessions: Sessions, vault: Vault) -> Iterator[Door]:
    with sessions.begin() as db:
        a_clinic(db)
    routes = router(sessions, vault, reply_rules(), lambda: NOON)
    with TestClient(build_site(WebParts(engine, sessions, lambda: NOON), routes)) as client:
        yield Door(client, f"/webhooks/email/inbound/{inbound_token(vault)}")


def an_answer(to: str = "care@bayou.example", photo: int = 0) -> bytes:
    mail = EmailMessage()
    mail["From"] = "ana@example.com"
    mail["To"] = to
    mail["Message-ID"] = "<a1@example.com>"
    mail.set_content("i cant breathe")
    if photo:
        mail.add_attachment(b"\xff" * photo, "image", "jpeg", filename="IMG.jpg")
    return mail.as_bytes()


def stored(sessions: Sessions) -> list[str | None]:
    with sessions() as db:
        return list(db.scalars(select(Reply.body)))


def test_a_posted_email_is_stored_once(door: Door, sessions: Sessions):
    first = door.client.post(door.url, content=an_answer(), headers=RAW)
    again = door.client.post(door.url, content=an_answer(), headers=RAW)

    assert (first.status_code, again.status_code) == (204, 204)
    assert stored(sessions) == ["i cant breathe"]


def test_a_form_of_a_relay_is_understood(door: Door, sessions: Sessions):
    fields = {"recipient": "care@bayou.example", "from": "ana@example.com", "body-plain": "7"}

    assert door.client.post(door.url, data=fields).status_code == 204

    assert stored(sessions) == ["7"]


def test_without_the_secret_nothing_is_taken(door: Door, sessions: Sessions):
    answer = door.client.post(f"{door.url[:-1]}x", content=an_answer(), headers=RAW)

    assert answer.status_code == 403
    assert stored(sessions) == []


def test_the_words_of_an_email_with_a_large_photo_are_not_lost(door: Door, sessions: Sessions):
    large = an_answer(photo=3_000_000)

    assert door.client.post(door.url, content=large, headers=RAW).status_code == 204

    assert stored(sessions) == ["i cant breathe"]


def test_what_no_mail_server_would_send_is_refused(door: Door, sessions: Sessions):
    endless = (b"x" * 1_000_000 for _ in range(50))

    assert door.client.post(door.url, content=endless, headers=RAW).status_code == 413
    assert stored(sessions) == []


def test_an_email_for_nobody_here_is_given_back_to_the_relay(door: Door):
    answer = door.client.post(door.url, content=an_answer("else@else.example"), headers=RAW)

    assert answer.status_code == 404


def test_what_is_no_email_is_refused(door: Door):
    assert door.client.post(door.url, content=b"hello", headers=RAW).status_code == 422
