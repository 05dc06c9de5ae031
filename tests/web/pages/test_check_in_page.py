"""The check-in page, as somebody without script sees it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from service.domain.values import (
    FlagState,
    Language,
    Level,
    MessageKind,
    MessageState,
    SessionState,
)
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from service.store.replies import Reply
from service.store.sessions import TreatmentSession
from tests.make import NOON
from tests.web.pages.conftest import LINKS, path


def replies(sessions):
    with sessions() as db:
        return list(db.scalars(select(Reply).order_by(Reply.received_at, Reply.id)))


def flags(sessions):
    with sessions() as db:
        return list(db.scalars(select(Flag)))


def answers(sessions):
    with sessions() as db:
        return list(db.scalars(select(Message).where(Message.kind == MessageKind.REPLY)))


def change(sessions, kind, id, **values):
    with sessions.begin() as db:
        row = db.get_one(kind, id)
        for name, value in values.items():
            setattr(row, name, value)


def whole(sessions):
    """All that is stored, to tell whether looking changed anything."""
    with sessions() as db:
        tables = ("message", "reply", "flag", "audit", "address", "patient", "consent")
        return [db.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in tables]


def test_the_page_asks_for_a_number_the_signs_and_words(browser, ana):
    page = browser.get(ana.check_in)

    assert page.status_code == 200
    assert page.text.count('type="radio"') == 11
    assert page.text.count('type="checkbox"') == 4
    assert "<textarea" in page.text
    assert "Bayou Needling" in page.text
    assert 'href="tel:911"' in page.text
    assert 'href="tel:2815550100"' in page.text
    assert "Ana" not in page.text


def test_a_page_needs_no_script_and_is_small(browser, ana):
    page = browser.get(ana.check_in)
    style = browser.get(page.text.split('rel="stylesheet" href="')[1].split('"')[0])

    assert "<script" not in page.text
    assert " style=" not in page.text
    assert style.status_code == 200
    assert "immutable" in style.headers["Cache-Control"]
    assert len(page.content) + len(style.content) < 60_000


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_at_the_page_changes_nothing(browser, sessions, ana, method):
    before = whole(sessions)

    assert browser.request(method, ana.check_in).status_code == 200

    assert whole(sessions) == before


def test_an_answer_is_stored_read_and_answered_on_the_screen(browser, sessions, ana):
    page = browser.post(ana.check_in, data={"score": "2"})

    [reply] = replies(sessions)
    assert (reply.body, reply.score, reply.level) == ("2/10\nN", 2, Level.OK)
    assert (reply.provider, reply.provider_ref) == ("page", f"page:{ana.checkin_id}")
    assert (reply.checkin_id, reply.session_id) == (ana.checkin_id, ana.session_id)
    assert "Thanks for telling us." in page.text
    [answer] = answers(sessions)
    assert (answer.state, answer.reason) == (MessageState.DELIVERED, "Shown on the patient's page.")
    assert flags(sessions) == []


def test_an_answer_posted_twice_counts_once(browser, sessions, ana):
    given = {"score": "8", "signs": ["B"], "words": "numb since last night"}

    browser.post(ana.check_in, data=given)
    again = browser.post(ana.check_in, data=given)

    assert again.status_code == 200
    assert len(replies(sessions)) == len(flags(sessions)) == len(answers(sessions)) == 1


def test_a_ticked_a_is_an_emergency_on_the_screen_and_on_the_phone(browser, sessions, ana):
    page = browser.post(ana.check_in, data={"score": "0", "signs": "A", "words": "all good"})

    assert "Please act now" in page.text
    assert "This could be an emergency. Call 911 now" in page.text
    [flag] = flags(sessions)
    assert (flag.level, flag.state) == (Level.EMERGENCY, FlagState.OPEN)
    # A page can be closed before it was read, so this one also goes out by text.
    [answer] = answers(sessions)
    assert (answer.key, answer.state) == ("emergency", MessageState.PLANNED)


def test_a_second_answer_that_says_something_else_is_read_as_well(browser, sessions, ana):
    browser.post(ana.check_in, data={"score": "2"})
    browser.post(ana.check_in, data={"score": "2", "signs": "A"})

    assert [reply.level for reply in replies(sessions)] == [Level.OK, Level.EMERGENCY]
    assert [flag.level for flag in flags(sessions)] == [Level.EMERGENCY]


def test_an_empty_form_stores_nothing_and_says_what_to_do(browser, sessions, ana):
    page = browser.post(ana.check_in, data={"words": "  "})

    assert page.status_code == 422
    assert "Pick a number, tick a sign, or write a few words." in page.text
    assert replies(sessions) == []


def test_words_that_are_too_long_are_kept_in_the_box(browser, sessions, ana):
    page = browser.post(ana.check_in, data={"score": "3", "words": "<numb> " * 400})

    assert page.status_code == 422
    assert 'value="3" aria-describedby="pain-hint" checked' in page.text
    assert "&lt;numb&gt; &lt;numb&gt;" in page.text
    assert replies(sessions) == []


@pytest.mark.parametrize("given", [{"score": "11"}, {"score": "-1"}, {"signs": "E"}])
def test_what_no_button_sends_is_refused(browser, sessions, ana, given):
    page = browser.post(ana.check_in, data=given)

    assert page.status_code == 422
    assert "call the clinic" in page.text
    assert replies(sessions) == []


def test_an_opted_out_patient_still_reads_what_to_do(browser, sessions, ana):
    change(sessions, Address, ana.address_id, opted_out_at=NOON, opted_out_by="text")

    page = browser.post(ana.check_in, data={"signs": "A"})

    assert "Call 911 now" in page.text
    assert [answer.state for answer in answers(sessions)] == [MessageState.DELIVERED]


def test_a_check_in_answered_by_text_says_so(browser, sessions, ana):
    change(sessions, Message, ana.checkin_id, answered_at=NOON)

    page = browser.get(ana.check_in).text

    assert "We have your answer" in page
    assert 'type="radio"' not in page


def test_the_page_stays_open_as_long_as_the_question_is_asked(browser, ana, clock):
    clock.now = NOON + timedelta(hours=31)

    assert "How are you doing?" in browser.get(ana.check_in).text


def test_an_ended_check_in_still_takes_a_report(browser, sessions, ana, clock):
    clock.now = NOON + timedelta(hours=33)
    ended = browser.get(ana.check_in).text
    assert "This check-in has ended" in ended

    page = browser.post(f"{ana.check_in}/tell", data={"words": "my hand is numb"})

    assert "We have your" in page.text
    [flag] = flags(sessions)
    assert flag.level is Level.URGENT


def test_a_form_sent_after_the_end_is_not_lost(browser, sessions, ana, clock):
    clock.now = NOON + timedelta(days=20)

    browser.post(ana.check_in, data={"score": "9", "signs": "C"})

    [reply] = replies(sessions)
    assert (reply.score, reply.level) == (9, Level.URGENT)


def test_a_cancelled_session_says_that_its_check_in_was_called_off(browser, sessions, ana):
    change(
        sessions,
        TreatmentSession,
        ana.session_id,
        state=SessionState.CANCELLED,
        state_reason="test",
    )

    assert "This check-in was called off" in browser.get(ana.check_in).text


def test_a_superseded_session_still_hears_its_open_check_in(browser, sessions, ana):
    change(
        sessions,
        TreatmentSession,
        ana.session_id,
        state=SessionState.SUPERSEDED,
        state_reason="test",
    )

    assert "How are you doing?" in browser.get(ana.check_in).text


def test_an_erased_patients_link_tells_nothing(browser, sessions, ana):
    change(sessions, Patient, ana.patient_id, erased_at=NOON, first_name=None)

    page = browser.get(ana.check_in)

    assert page.status_code == 410
    assert "Bayou" not in page.text


def test_a_spanish_speaker_is_asked_in_spanish(browser, sessions, ana):
    change(sessions, Patient, ana.patient_id, language=Language.ES)

    page = browser.get(ana.check_in).text

    assert '<html lang="es">' in page
    assert "¿Qué tanto le duele ahora?" in page
    assert "Piel roja, caliente o con pus" in page


def test_a_guardian_is_asked_about_the_child(browser, sessions, ana):
    change(sessions, Patient, ana.patient_id, guardian=True)

    assert "How bad is your child&#39;s pain right now?" in browser.get(ana.check_in).text


OTHER_PAGES_LINK = path(LINKS.unsubscribe_url(UUID(int=7))).replace("/u/", "/c/")


@pytest.mark.parametrize("link", ["/c/nonsense", OTHER_PAGES_LINK])
def test_an_unknown_link_says_what_to_do_next(browser, link):
    page = browser.get(link, headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"})

    assert page.status_code == 404
    assert "llame a la clínica que le atendió" in page.text
    assert 'href="tel:911"' in page.text


def test_a_link_to_nothing_is_gone(browser, ana):
    assert browser.get(path(LINKS.check_in_url(uuid4()))).status_code == 410


def test_another_website_cannot_answer_for_a_patient(browser, sessions, ana):
    page = browser.post(ana.check_in, data={"score": "0"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert page.status_code == 403
    assert replies(sessions) == []
