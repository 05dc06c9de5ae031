"""The sandbox's pages, as somebody without script sees them."""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.sandbox import pages
from service.sandbox.mail_answers import MailAnswers
from service.sandbox.mailbox import Mailbox
from tests.sandbox.clinic import ANA, CLINIC

CHICAGO = ZoneInfo("America/Chicago")


@pytest.fixture
def mailbox(clock) -> Mailbox:
    return Mailbox(clock)


@pytest.fixture
def browser(network, mailbox, clock) -> Iterator[TestClient]:
    site = FastAPI()
    site.include_router(pages.router(network, mailbox, clock, CHICAGO))
    with TestClient(site) as browser:
        yield browser


def an_email(to: str = "ana@example.com", html: str | None = "<p>Hello</p>") -> bytes:
    mail = EmailMessage()
    mail["From"] = "care@bayou.example"
    mail["To"] = to
    mail["Subject"] = "Your <b>check-in</b>"
    mail.set_content("Open https://clinic.example/c/abc. Thank you <Ana>")
    if html is not None:
        mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


def test_a_new_sandbox_says_what_to_do_next(browser):
    page = browser.get("/sandbox")

    assert page.status_code == 200
    assert "No texts yet" in page.text
    assert "No emails yet" in browser.get("/sandbox/mail").text


def test_a_text_is_shown_on_its_phone_in_the_clinics_time(browser, network, twilio):
    twilio.messages.create(to=ANA, from_=CLINIC, body="How sore are you, 0-10?")
    network.settle()

    page = browser.get("/sandbox").text

    assert "(281) 555-0123" in page
    assert "How sore are you, 0-10?" in page
    assert "Tue 3 Mar, 12:00 · delivered" in page


def test_one_can_answer_as_the_patient(browser, network, clinic):
    network.inbound(ANA, CLINIC, "Hi")

    answer = browser.post(
        f"/sandbox/phones/{ANA}/reply",
        data={"clinic": CLINIC, "body": "7\r\nit tingles", "photo": "true"},
        follow_redirects=False,
    )
    network.settle()

    assert (answer.status_code, answer.headers["location"]) == (303, "/sandbox#phone-12815550123")
    assert clinic.fields("Body") == ["Hi", "7\nit tingles"]
    assert clinic.fields("NumMedia") == ["0", "1"]
    assert "the clinic has it" in browser.get("/sandbox").text


def test_an_empty_answer_is_not_sent(browser, network):
    browser.post(f"/sandbox/phones/{ANA}/reply", data={"clinic": CLINIC, "body": "  "})

    assert network.texts() == []


def test_a_stranger_can_text_the_clinic(browser, network):
    browser.post(
        "/sandbox/phones",
        data={"number": "+1 (281) 555-0199", "clinic": CLINIC, "body": "Who is this?"},
    )

    assert [(text.sender, text.body) for text in network.texts()] == [
        ("+12815550199", "Who is this?")
    ]


@pytest.mark.parametrize("number", ["2815550199", "+1", "<script>"])
def test_what_is_no_number_cannot_text(browser, network, number):
    answer = browser.post(
        "/sandbox/phones", data={"number": number, "clinic": CLINIC, "body": "Hi"}
    )

    assert answer.status_code == 422
    assert network.texts() == []


def test_a_phone_can_be_turned_off(browser, network):
    network.inbound(ANA, CLINIC, "Hi")

    page = browser.post(f"/sandbox/phones/{ANA}/power", data={"on": "false"}).text

    assert "This phone is off" in page
    assert [phone.on for phone in network.phones()] == [False]


def test_a_patient_who_wrote_to_two_clinics_chooses_whom_to_answer(browser, network):
    network.inbound(ANA, CLINIC, "Hi")
    network.inbound(ANA, "+15125550199", "Hi")

    page = browser.get("/sandbox").text

    assert re.findall(r'<option value="([^"]+)">', page)[:2] == ["+15125550199", CLINIC]


def test_what_patients_write_is_shown_and_never_run(browser, network):
    network.inbound(ANA, CLINIC, "<script>alert(1)</script> https://x.example/?a=1&b='2'")

    page = browser.get("/sandbox").text

    assert "<script>alert" not in page
    assert '<a href="https://x.example/?a=1&amp;b=&#39;2&#39;"' in page


def test_a_lost_answer_is_marked(browser, network, clinic):
    clinic.answers[:] = [403]

    network.inbound(ANA, CLINIC, "Hi")
    network.settle()

    assert "the clinic was not told: answered 403" in browser.get("/sandbox").text


def test_emails_are_sorted_by_mailbox_and_can_be_opened(browser, mailbox):
    mailbox.keep("ana@example.com", an_email())
    mailbox.keep("desk@bayou.example", an_email("desk@bayou.example", html=None))

    boxes = browser.get("/sandbox/mail").text
    mail = browser.get("/sandbox/mail/1").text

    assert boxes.index("desk@bayou.example") < boxes.index("ana@example.com")
    assert "Your &lt;b&gt;check-in&lt;/b&gt;" in boxes
    assert '<a href="https://clinic.example/c/abc" target="_blank"' in mail
    assert "Thank you &lt;Ana&gt;" in mail
    assert "<iframe" in mail
    assert "<iframe" not in browser.get("/sandbox/mail/2").text


def test_an_email_is_shown_where_it_can_do_nothing(browser, mailbox):
    mailbox.keep("ana@example.com", an_email(html="<script>alert(1)</script>"))

    shown = browser.get("/sandbox/mail/1/html")

    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize(
    "path", ["/sandbox/mail/1", "/sandbox/mail/1/html", "/sandbox/files/phones.html"]
)
def test_what_is_not_there_is_not_found(browser, path):
    assert browser.get(path).status_code == 404


def test_the_page_brings_its_own_look_and_script(browser):
    page = browser.get("/sandbox")

    addresses = re.findall(r'(?:href|src)="(/sandbox/files/[^"]+)"', page.text)
    assert len(addresses) == 2
    assert all(browser.get(address).status_code == 200 for address in addresses)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_page_refreshes_by_itself_only_when_asked(browser):
    assert 'http-equiv="refresh"' not in browser.get("/sandbox").text
    assert 'http-equiv="refresh" content="5"' in browser.get("/sandbox?every=5").text
    assert 'http-equiv="refresh" content="2"' in browser.get("/sandbox?every=0").text
    assert 'http-equiv="refresh"' not in browser.get("/sandbox?every=²").text


def test_another_website_cannot_text_for_a_patient(browser, network):
    answer = browser.post(
        f"/sandbox/phones/{ANA}/reply",
        data={"clinic": CLINIC, "body": "STOP"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    assert network.texts() == []


def test_one_can_answer_an_email_as_the_patient(network, mailbox, clinic, clock):
    mailbox.keep("ana@example.com", an_email(html=None))
    answers = MailAnswers(f"{clinic.url}/webhooks/email/inbound/secret", clock)
    site = FastAPI()
    site.include_router(pages.router(network, mailbox, clock, CHICAGO, answers))

    with TestClient(site) as browser:
        page = browser.post("/sandbox/mail/1/answer", data={"body": "7"}).text

    [heard] = clinic.heard
    assert heard.path == "/webhooks/email/inbound/secret"
    assert "the clinic has it" in page


def test_without_a_way_back_emails_are_read_only(browser, mailbox):
    mailbox.keep("ana@example.com", an_email())

    assert "Answer as" not in browser.get("/sandbox/mail/1").text
    assert browser.post("/sandbox/mail/1/answer", data={"body": "7"}).status_code == 404
