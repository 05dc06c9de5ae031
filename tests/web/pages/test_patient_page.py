"""The patient's own page: what comes when, a problem reported, and choices that hold."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.domain.page_words import load_page_words
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.values import Channel, Language, Level, MessageState
from service.store.audit import AuditEntry
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient, address_for
from service.store.replies import Reply
from service.store.sessions import TreatmentSession
from tests.make import NOON
from tests.pathway.builders import a_message


@pytest.fixture
def planned(sessions, ana):
    """The check-in of day 4, which is still to come."""
    with sessions.begin() as db:
        session = db.get_one(TreatmentSession, ana.session_id)
        patient = db.get_one(Patient, ana.patient_id)
        later = {name: NOON + timedelta(hours=48) for name in ("due_at", "send_at", "send_before")}
        return a_message(db, session, patient, "checkin_96h", **later).id


@pytest.fixture
def emails_too(sessions, ana):
    """Ana agreed to emails as well."""
    with sessions.begin() as db:
        patient = db.get_one(Patient, ana.patient_id)
        mailbox = address_for(db, ana.clinic_id, Channel.EMAIL, "ana@example.com", NOON)
        patient.email_address_id = mailbox.id
        db.add(
            Consent(
                clinic_id=ana.clinic_id,
                patient_id=ana.patient_id,
                sms=True,
                email=True,
                details=False,
                recorded_at=NOON + timedelta(minutes=1),
                recorded_by="test",
                wording_version=1,
            )
        )


def patient(sessions, ana):
    with sessions() as db:
        return db.get_one(Patient, ana.patient_id)


def test_the_page_shows_what_was_sent_and_what_comes(browser, ana, planned):
    page = browser.get(ana.own_page).text

    assert "Hello Ana" in page
    assert "Sent · Tue 11 AM · text" in page
    assert "How is your pain right now, 0 to 10?" in page
    assert "Planned · Thu 12 PM · text" in page


def test_the_page_tells_what_is_usual_and_never_that_all_is_well(browser, ana):
    page = browser.get(ana.own_page).text

    assert "Some soreness can be normal now." in page
    assert "Tell us if pain is worse" in page
    assert "low back" not in page


def test_an_open_check_in_is_one_click_away(browser, ana):
    page = browser.get(ana.own_page).text

    assert f'href="{ana.check_in}"' in page


def test_a_reported_problem_is_read_and_answered_there(browser, sessions, ana):
    page = browser.post(f"{ana.own_page}/tell", data={"words": "I can't breathe"})
    browser.post(f"{ana.own_page}/tell", data={"words": "I can't breathe"})

    assert "Call 911 now" in page.text
    with sessions() as db:
        [flag] = db.scalars(select(Flag)).all()
        [reply] = db.scalars(select(Reply)).all()
    assert (flag.level, flag.patient_id) == (Level.EMERGENCY, ana.patient_id)
    assert reply.provider == "page"


def test_another_language_holds_for_what_is_planned_too(browser, sessions, ana, planned):
    page = browser.post(f"{ana.own_page}/language", data={"language": "es"})

    assert '<html lang="es">' in page.text
    assert patient(sessions, ana).language is Language.ES
    with sessions() as db:
        assert db.get_one(Message, planned).language is Language.ES
        assert db.get_one(Message, ana.checkin_id).language is Language.EN
        assert "language_changed" in [one.action for one in db.scalars(select(AuditEntry))]


def test_a_channel_nobody_agreed_to_is_not_taken(browser, sessions, ana):
    browser.post(f"{ana.own_page}/channel", data={"channel": "email"})

    assert patient(sessions, ana).channel is Channel.SMS


def test_a_channel_with_consent_can_be_chosen(browser, sessions, ana, emails_too):
    browser.post(f"{ana.own_page}/channel", data={"channel": "email"})

    assert patient(sessions, ana).channel is Channel.EMAIL


def test_texts_can_be_stopped_and_started_again(browser, sessions, ana, planned):
    stopped = browser.post(f"{ana.own_page}/stop", data={"channel": "sms"})
    assert "Start texts again" in stopped.text
    with sessions() as db:
        assert db.get_one(Message, planned).state is MessageState.CANCELLED

    browser.post(f"{ana.own_page}/start", data={"channel": "sms"})

    with sessions() as db:
        assert db.get_one(Address, ana.address_id).may_receive()


@pytest.mark.parametrize("does", ["tell", "language", "channel", "stop", "start"])
def test_another_website_cannot_use_the_page(browser, sessions, ana, does):
    answer = browser.post(
        f"{ana.own_page}/{does}",
        data={"words": "hi", "language": "es", "channel": "sms"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    with sessions() as db:
        assert db.scalars(select(AuditEntry)).all() == []


def test_every_step_of_the_schedule_has_a_name_on_the_page():
    words = load_page_words(CURRENT_VERSION).by_language[Language.EN]
    steps = {f"tip_{step.key}" for step in load_protocol(CURRENT_VERSION).steps}

    assert steps - {"tip_signs"} <= words.keys()
