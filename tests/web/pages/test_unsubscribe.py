"""Stopping by link: at once, once, and back again by the patient's own wish."""

import pytest
from sqlalchemy import select

from service.domain.values import MessageState
from service.store.audit import AuditEntry
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient
from service.store.sessions import TreatmentSession
from tests.make import NOON
from tests.pathway.builders import a_message
from tests.web.pages.conftest import LINKS, path

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def address(sessions, ana):
    with sessions() as db:
        return db.get_one(Address, ana.address_id)


def actions(sessions):
    with sessions() as db:
        return [entry.action for entry in db.scalars(select(AuditEntry))]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_the_link_stops_nothing(browser, sessions, ana, method):
    page = browser.request(method, ana.unsubscribe)

    assert page.status_code == 200
    assert address(sessions, ana).opted_out_at is None


def test_the_page_explains_both_directions(browser, ana):
    page = browser.get(ana.unsubscribe).text

    assert "You will get no more texts from Bayou Needling" in page
    assert "Open this same link again and press start" in page
    assert page.count("<button") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {},
        {"content": b"\xff not a form"},
    ],
)
def test_a_mail_program_stops_messages_with_one_post(browser, sessions, ana, body):
    answer = browser.post(ana.unsubscribe, follow_redirects=False, **body)

    assert answer.status_code == 200
    stopped = address(sessions, ana)
    assert (stopped.opted_out_at, stopped.opted_out_by) == (NOON, "link")


def test_a_mail_provider_may_post_from_its_own_site(browser, sessions, ana):
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}

    assert browser.post(ana.unsubscribe, data=ONE_CLICK, headers=headers).status_code == 200

    assert address(sessions, ana).opted_out_at == NOON


def test_stopping_twice_is_stopping_once_and_cancels_what_was_planned(browser, sessions, ana):
    with sessions.begin() as db:
        session, patient = (
            db.get_one(TreatmentSession, ana.session_id),
            db.get_one(Patient, ana.patient_id),
        )
        planned = a_message(db, session, patient, "checkin_96h").id

    browser.post(ana.unsubscribe)
    browser.post(ana.unsubscribe)

    with sessions() as db:
        assert db.get_one(Message, planned).state is MessageState.CANCELLED
    assert actions(sessions).count("opted_out") == 1


def test_starting_again_is_recorded_as_consent(browser, sessions, ana):
    browser.post(ana.unsubscribe)

    page = browser.post(f"{ana.unsubscribe}/again")

    assert "Messages are on again" in page.text
    assert address(sessions, ana).may_receive()
    with sessions() as db:
        newest = db.scalars(select(Consent).order_by(Consent.id.desc())).first()
    assert newest is not None
    assert (newest.sms, newest.email, newest.recorded_by) == (True, False, "link")
    assert "opted_in" in actions(sessions)


def test_another_website_cannot_start_messages_again(browser, sessions, ana):
    browser.post(ana.unsubscribe)

    answer = browser.post(f"{ana.unsubscribe}/again", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert address(sessions, ana).opted_out_at == NOON


def test_a_check_ins_link_stops_nothing(browser, sessions, ana):
    wrong = path(LINKS.check_in_url(ana.address_id)).replace("/c/", "/u/")

    assert browser.post(wrong, data=ONE_CLICK).status_code == 404
    assert address(sessions, ana).opted_out_at is None
