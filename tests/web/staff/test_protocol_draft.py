"""A clinic's own edition: nothing of a draft reaches a patient before a clinician has signed it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import (
    CallOutcome,
    Level,
    MessageKind,
    MessageState,
    Role,
)
from service.pathway.callbacks import record_call
from service.pathway.composing import text_of
from service.pathway.enrolment import enrol
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_new_session, a_text
from tests.web.staff.browsing import PASSWORD, a_person, send, sign_in

PROTOCOL = "/settings/protocol"
DRAFT = f"{PROTOCOL}/draft"
DRY_RUN = f"{DRAFT}/dry-run"
WATER = "{clinic}: Water helps today. Sip when thirsty. Reply STOP to opt out."
TIPS = {
    "hydrate": "2h",
    "email_day0": "2h",
    "heat_ice": "4h",
    "move_am": "09:30",
    "email_day1": "09:30",
    "soreness_24h": "24h",
    "tip_72h": "72h",
    "email_day3": "72h",
}
DAY = timedelta(days=1)


def keep_text(browser, text=WATER, language="en", key="hydrate"):
    path = f"{PROTOCOL}/texts/{key}"
    return send(browser, path, f"{path}/keep", language=language, text=text)


def keep_tips_and_scores(browser, *, leave_out=(), severe_from="7", worse_by="2", **due):
    times = TIPS | due
    return send(
        browser,
        DRAFT,
        f"{DRAFT}/tips-and-scores",
        tip=list(times),
        due=list(times.values()),
        send=[key for key in times if key not in leave_out],
        severe_from=severe_from,
        worse_by=worse_by,
    )


def approve(browser, **changed):
    page = browser.get(DRY_RUN).text
    form = {
        "seen": re.search(r'name="seen" value="(\d+)"', page)[1],
        "approver": "Dana Lee, PT 12345",
        "password": PASSWORD,
    }
    return send(browser, DRY_RUN, f"{DRAFT}/approve", **(form | changed))


def a_visit(sessions, person, phone, ended_at):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, person.clinic_id)
        new, saved_at = a_new_session(phone, ended_at), ended_at + timedelta(minutes=5)
        return enrol(db, clinic, new, by="Sam", now=saved_at)


def answer(sessions, person, visit, phone, words, at):
    """The first check-in went out an hour before, and this came back; its flag, if there is one."""
    with sessions.begin() as db:
        asked = select(Message).where(Message.session_id == visit.id, Message.key == "checkin_48h")
        checkin = db.scalars(asked).one()
        checkin.state, checkin.reason = MessageState.DELIVERED, "It arrived."
        checkin.sent_at = at - timedelta(hours=1)
        clinic = db.get_one(Clinic, person.clinic_id)
        incoming = a_text(words, f"SM{phone}{words}", at, sender_address=phone)
        reply = receive(db, clinic, incoming, reply_rules())
        return db.scalars(select(Flag).where(Flag.reply_id == reply.id)).one_or_none()


def texts_of(sessions, person, visit):
    """What the session's texts say, by key, as they are composed for sending."""
    with sessions() as db:
        clinic = db.get_one(Clinic, person.clinic_id)
        planned = select(Message).where(
            Message.session_id == visit.id, Message.kind == MessageKind.TIP
        )
        return {one.key: text_of(one, clinic, None).text for one in db.scalars(planned)}


def test_a_wording_reaches_nobody_before_it_is_approved_and_then_new_sessions_only(
    admin, sessions, alex
):
    before = a_visit(sessions, alex, "+12025550101", NOON)

    kept = keep_text(admin)
    drafted = a_visit(sessions, alex, "+12025550102", NOON)
    approved = approve(admin)
    after = a_visit(sessions, alex, "+12025550103", NOON)

    assert "The wording is in the draft." in kept.text
    assert "Approved." in approved.text
    assert "Your edition 1 of version 1" in approved.text
    ours = "Bayou Needling: Water helps today. Sip when thirsty. Reply STOP to opt out."
    said = [texts_of(sessions, alex, visit)["hydrate"] for visit in (before, drafted, after)]
    assert said[0] == said[1] != ours
    assert said[2] == ours
    # Everything else stays as it was.
    assert texts_of(sessions, alex, after) | {"hydrate": ""} == texts_of(sessions, alex, before) | {
        "hydrate": ""
    }


def test_tips_are_left_out_and_moved_for_new_sessions(admin, sessions, alex):
    keep_tips_and_scores(admin, leave_out=["tip_72h"], move_am="10:30")
    approve(admin)

    visit = a_visit(sessions, alex, "+12025550101", NOON)

    with sessions() as db:
        found = {
            one.key: one
            for one in db.scalars(select(Message).where(Message.session_id == visit.id))
        }
    assert "tip_72h" not in found
    # 10:30 in Chicago on the day after.
    assert found["move_am"].send_at == NOON + DAY - timedelta(hours=1, minutes=30)
    assert {"checkin_48h", "checkin_96h"} <= found.keys()


def test_a_session_is_judged_by_the_scores_of_its_own_edition(admin, sessions, alex):
    old = a_visit(sessions, alex, "+12025550101", NOON - 2 * DAY)
    keep_tips_and_scores(admin, severe_from="8")
    approve(admin)
    new = a_visit(sessions, alex, "+12025550102", NOON - 2 * DAY)

    flags = [
        answer(sessions, alex, visit, phone, "7", NOON)
        for visit, phone in ((old, "+12025550101"), (new, "+12025550102"))
    ]

    assert flags[0].level is Level.URGENT
    assert flags[1] is None


def test_words_that_worry_are_flagged_whatever_scores_the_edition_has(admin, sessions, alex):
    keep_tips_and_scores(admin, severe_from="8", worse_by="3")
    approve(admin)
    visit = a_visit(sessions, alex, "+12025550101", NOON - 2 * DAY)

    flag = answer(sessions, alex, visit, "+12025550101", "2 but i cant breathe right", NOON)

    assert flag.level is Level.EMERGENCY


def test_the_dry_run_says_who_would_have_been_missed(admin, sessions, alex):
    for number, (words, outcome) in enumerate(
        [
            ("7", CallOutcome.BOOKED),
            ("7", CallOutcome.ADVISED),
            ("8", CallOutcome.BOOKED),
            ("2", None),
        ]
    ):
        phone = f"+120255501{number:02}"
        visit = a_visit(sessions, alex, phone, NOON - 5 * DAY)
        flag = answer(sessions, alex, visit, phone, words, NOON - 3 * DAY)
        if outcome:
            with sessions.begin() as db:
                record_call(db, alex.clinic_id, flag.id, outcome, None, "Sam", NOON - 2 * DAY)
    keep_tips_and_scores(admin, leave_out=["tip_72h"], severe_from="8", move_am="10:30")

    page = admin.get(DRY_RUN).text

    assert "3 flags become 1" in page
    assert "1 patient who needed care would not have been called" in page
    assert page.count("Missed</span>") == 1
    assert re.search(r">Day 3</th><td[^>]*>4</td><td[^>]*>0</td><td[^>]*>0<", page)
    assert re.search(r">Moving gently</th><td[^>]*>4</td><td[^>]*>4</td><td[^>]*>4<", page)
    # It only looked.
    with sessions() as db:
        assert len(db.scalars(select(Flag)).all()) == 3


def test_without_a_past_there_is_nothing_to_compare(admin):
    keep_text(admin)

    page = admin.get(DRY_RUN).text

    assert "No patient has answered in these 90 days" in page
    assert "No session ended in these 90 days" in page


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"password": "not my password"}, "This is not your current password."),
        ({"approver": " PT "}, "Give the name and licence"),
        ({"seen": "1"}, "was changed since this page was drawn"),
    ],
)
def test_what_is_not_signed_properly_is_not_used(admin, sessions, alex, changed, told):
    keep_text(admin)

    refused = approve(admin, **changed)

    assert (refused.status_code, told in refused.text) == (422, True)
    with sessions() as db:
        assert db.get_one(Clinic, alex.clinic_id).protocol_version is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"move_am": "08:00"}, "Choose from 09:00 to 12:00."),
        ({"hydrate": "soon"}, "Write a time like 2h."),
        ({"severe_from": "9"}, "Choose from 6 to 8."),
        ({"severe_from": "many"}, "Choose a number."),
    ],
)
def test_what_the_protocol_does_not_allow_is_named_and_changes_nothing(admin, changes, told):
    refused = keep_tips_and_scores(admin, **changes)

    assert (refused.status_code, told in refused.text) == (422, True)
    assert "There is no draft yet." in admin.get(DRAFT).text


def test_what_was_typed_stays_on_the_form_when_something_else_is_wrong(admin):
    page = keep_tips_and_scores(admin, severe_from="8", leave_out=["tip_72h"], hydrate="soon").text

    assert '<option value="8" selected>' in page
    assert 'value="soon"' in page
    assert not re.search(r'value="tip_72h" checked', page)


def test_a_wording_that_no_text_can_carry_is_not_kept(admin):
    refused = keep_text(admin, text="Drink water.")

    assert (refused.status_code, "{clinic} is missing" in refused.text) == (422, True)
    assert "There is no draft yet." in admin.get(DRAFT).text


def test_a_wording_in_one_language_only_is_pointed_at(admin):
    keep_text(admin)
    one = admin.get(DRAFT).text
    keep_text(admin, "{clinic}: Tome agua hoy. Responda STOP para no recibir.", "es")

    assert "changed in one language only" in one
    assert "changed in one language only" not in admin.get(DRAFT).text


def test_the_words_of_the_files_take_a_change_back(admin):
    original = re.search(r"<textarea[^>]*>([^<]*)<", admin.get(f"{PROTOCOL}/texts/hydrate").text)[1]
    keep_text(admin)

    keep_text(admin, text=original)

    assert "Nothing yet: it is the protocol as its files have it." in admin.get(DRAFT).text


def test_a_draft_is_thrown_away_and_tried_on_an_invented_patient(admin):
    keep_text(admin)
    tried = admin.get(f"{PROTOCOL}?drafted=true").text
    in_use = admin.get(PROTOCOL).text

    gone = send(admin, DRAFT, f"{DRAFT}/discard")

    assert "Water helps today" in tried
    assert "Water helps today" not in in_use
    assert "The draft is gone." in gone.text
    assert "There is no draft any more" in send(admin, DRAFT, f"{DRAFT}/discard").text


def test_the_next_draft_begins_with_what_is_in_use(admin):
    keep_text(admin)
    approve(admin)

    keep_tips_and_scores(admin, leave_out=["tip_72h"])

    page = admin.get(DRAFT).text
    assert "Edition 2 of version 1" in page
    assert "Water helps today" in page


def test_a_clinician_signs_the_protocol_as_it_is(admin, sessions, alex):
    assert "No clinician of this clinic has approved" in admin.get("/settings").text
    send(admin, PROTOCOL, DRAFT)

    approve(admin)

    assert "No clinician of this clinic has approved" not in admin.get("/settings").text
    page = admin.get(PROTOCOL).text
    assert "Approved by Dana Lee, PT 12345" in page
    with sessions() as db:
        assert db.get_one(Clinic, alex.clinic_id).protocol_version == 1
        entries = {one.action: one for one in db.scalars(select(AuditEntry))}
    assert entries["protocol_approved"].actor == "Alex Rivera"
    assert entries["protocol_approved"].detail["approved_by"] == "Dana Lee, PT 12345"


def test_a_draft_is_its_clinics_own(admin, sessions, new_browser):
    keep_text(admin)
    with sessions.begin() as db:
        other = a_clinic(db, name="Delta Needling", sender="+12815550001")
        a_person(db, other, "kim@delta.example", Role.ADMIN)
    browser = new_browser()
    sign_in(browser, "kim@delta.example")

    assert "There is no draft yet." in browser.get(DRAFT).text
    assert "Water helps today" not in browser.get(f"{PROTOCOL}?drafted=true").text
