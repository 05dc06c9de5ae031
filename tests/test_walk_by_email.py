"""The same story by email: one patient who gave no phone, from enrolment to the flag.

Everything is real: the mails cross SMTP, the answer comes in as a mail relay posts it.
"""

import asyncio
import socket
import threading
from datetime import datetime, timedelta

import httpx
import pytest
import uvicorn

from service.app import reply_rules
from service.domain.values import Channel
from service.gateways.smtp_email import SmtpGateway, relay_at
from service.pathway.administration import create_api_key
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.inbound_mail import inbound_token
from service.pathway.lateness import judge_again
from service.pathway.links import Links
from service.sandbox.mail_answers import MailAnswers
from service.sandbox.mailbox import Mailbox
from service.web.deps import WebParts
from service.web.mail_webhook import router as mail_routes
from service.web.site import build_site
from tests.conftest import SECRET
from tests.make import NOON, a_clinic


class Day:
    """The clinic's clock, moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def day():
    return Day(NOON)


@pytest.fixture
def mailbox(day):
    mailbox = Mailbox(day)
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def listener():
    """A free port that the service will listen on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


@pytest.fixture
def public_url(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def worker(sessions, mailbox, day, public_url):
    """Let a worker look once for what is due."""

    async def look() -> int:
        gateway = SmtpGateway(relay_at(mailbox.url), day)
        dispatcher = Dispatcher(
            sessions,
            {Channel.EMAIL: gateway},
            now=day,
            compose=composer(public_url, day, Links(public_url, [SECRET])),
            rejudge=judge_again,
        )
        try:
            return await dispatcher.send_what_is_due()
        finally:
            await gateway.close()

    return lambda: asyncio.run(look())


@pytest.fixture
def api(engine, sessions, day, vault, listener, public_url):
    """The service on its real port, called with the clinic's key."""
    with sessions.begin() as db:
        _, key = create_api_key(db, a_clinic(db), name="front desk", now=NOON)
    routes = mail_routes(sessions, vault, reply_rules(), day)
    site = build_site(WebParts(engine, sessions, day), routes)
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=3))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    listener.listen()
    thread.start()
    with httpx.Client(
        base_url=f"{public_url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        yield client
    server.should_exit = True
    thread.join()


def test_one_patient_is_looked_after_by_email(api, worker, mailbox, day, vault, public_url):
    # Ana gave no phone. Her therapist enrols her at noon, with consent to email.
    enrolled = api.post(
        "/sessions",
        json={
            "patient": {
                "first_name": "Ana",
                "email": "ana@example.com",
                "channel": "email",
                "consent": {"sms": False, "email": True},
            },
            "ended_at": "2026-03-03T17:45:00Z",
            "regions": ["upper_trap"],
            "baseline_pain": 5,
        },
    )
    assert enrolled.status_code == 201
    visit = f"/sessions/{enrolled.json()['id']}"
    previews = {m["key"]: m["preview"] for m in enrolled.json()["messages"]}
    assert previews["email_day0"].startswith("A note after your visit\n\nThank you for coming")
    assert "/c/" not in previews["checkin_48h"]

    # Two days pass. Each email is in her mailbox once, the check-in with her own link.
    for _ in range(2 * 24 + 1):
        worker()
        day.now += timedelta(hours=1)
    subjects = [mail.subject for mail in reversed(mailbox.mails())]
    assert sorted(subjects) == sorted(
        [
            "About our emails to you",
            "Please read: a note after your visit",
            "A note after your visit",
            "How to move today",
            "Quick check-in (1 minute)",
        ]
    )
    checkin = mailbox.mails()[0]
    assert checkin.subject == "Quick check-in (1 minute)"
    assert any(link.startswith(f"{public_url}/c/") for link in checkin.links)
    assert checkin.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"

    # She answers it as one answers mail: her words above, ours quoted below.
    door = f"{public_url}/webhooks/email/inbound/{inbound_token(vault)}"
    answer = MailAnswers(door, day).write(checkin, "its a 7 and my hand is still numb")
    assert answer.fate == "the clinic has it"

    # The flag is there at once, from her words alone, and she is told when we will call.
    [flag] = api.get("/flags").json()
    assert (flag["level"], flag["score"]) == ("urgent", 7)
    assert flag["reply"] == "its a 7 and my hand is still numb"
    assert "breathing" not in flag["categories"]
    assert worker() == 1
    assert mailbox.mails()[0].subject == "We got your message"
    assert "A therapist will call you by Thu" in mailbox.mails()[0].text
    [reply] = api.get(visit).json()["replies"]
    assert reply["channel"] == "email"

    # An hour later she has had enough of mail: one confirmation, then silence.
    day.now += timedelta(hours=1)
    MailAnswers(door, day).write(checkin, "unsubscribe")
    assert worker() == 1
    assert mailbox.mails()[0].subject == "No more emails from us"
    day.now += timedelta(days=2)
    assert worker() == 0
