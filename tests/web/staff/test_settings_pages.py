"""Settings: what is set up, what a change would mean, and that each is written down."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from service.domain.values import MessageState, Role
from service.pathway.administration import create_api_key
from service.store.audit import AuditEntry
from service.store.clinics import Clinic, Staff, api_key_by_token, api_keys_of
from service.store.messages import Message
from service.store.patients import Address
from tests.make import NOON, a_clinic
from tests.web.staff.browsing import PASSWORD, a_person, send

CLINIC = "/settings/clinic"


def clinic_form(browser, **changed):
    """The form as it stands, with some fields changed."""
    page = browser.get(CLINIC).text
    form = {
        "seen": re.search(r'name="seen" value="(\w+)"', page)[1],
        "name": "Bayou Needling",
        "phone": "281-555-0100",
        "time_zone": "America/Chicago",
        "open_on": ["0", "1", "2", "3", "4"],
        "opens": ["08:00"] * 7,
        "closes": ["18:00"] * 7,
    }
    return form | changed


def stored(sessions, alex) -> Clinic:
    with sessions() as db:
        return db.get_one(Clinic, alex.clinic_id)


def written_down(sessions) -> dict[str, dict]:
    with sessions() as db:
        return {entry.action: entry.detail for entry in db.scalars(select(AuditEntry))}


def test_a_change_is_shown_before_it_is_made_and_written_down_after(admin, sessions, alex):
    # It is Tuesday noon: Saturday's hours move what falls due after Friday.
    form = clinic_form(admin, open_on=["1", "2", "3", "4", "5"], phone="(281) 555-0101")

    looked = send(admin, CLINIC, CLINIC, look="1", **form)

    assert "not saved yet" in looked.text
    assert re.search(r"Sat \d+:\d+ [AP]M<del><span[^>]*>instead of </span>Mon", looked.text)
    assert stored(sessions, alex).phone == "281-555-0100"

    saved = send(admin, CLINIC, CLINIC, **form)

    assert "Flags that are open keep their time" in saved.text
    clinic = stored(sessions, alex)
    assert (clinic.phone, sorted(clinic.hours)) == ("(281) 555-0101", ["1", "2", "3", "4", "5"])
    changed = written_down(sessions)["clinic_changed"]["changed"]
    assert changed["phone"] == ["281-555-0100", "(281) 555-0101"]
    assert set(changed) == {"phone", "hours"}


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        pytest.param({"name": " "}, "name", "Give the clinic", id="no name"),
        pytest.param({"name": "Bayou 🪡"}, "name", "cannot carry", id="a picture"),
        pytest.param({"phone": "12"}, "phone", "not a phone number", id="no number"),
        pytest.param({"time_zone": "Mars/Base"}, "time_zone", "not a time zone", id="zone"),
        pytest.param({"open_on": []}, "day_0", "one day at least", id="never open"),
        pytest.param({"closes": ["07:00"] * 7}, "day_3", "Thursday: it must", id="backwards"),
        pytest.param({"opens": [""] * 7}, "day_1", "Tuesday: give both", id="no time"),
    ],
)
def test_what_cannot_be_is_told_at_its_field(admin, sessions, alex, changed, field, told):
    page = send(admin, CLINIC, CLINIC, **clinic_form(admin, **changed))

    assert page.status_code == 422
    assert re.search(rf'id="{field}-wrong">(?s:.*?){told}', page.text)
    assert stored(sessions, alex).name == "Bayou Needling"
    assert "clinic_changed" not in written_down(sessions)


def test_two_admins_do_not_overwrite_one_another(admin, sessions, alex):
    early = clinic_form(admin, phone="281-555-0155")
    send(admin, CLINIC, CLINIC, **clinic_form(admin, name="Bayou Two"))

    late = send(admin, CLINIC, CLINIC, **early)

    assert "Somebody else changed the clinic" in late.text
    assert stored(sessions, alex).name == "Bayou Two"


def test_holidays_are_added_and_removed(admin, sessions, alex):
    add = f"{CLINIC}/holidays"
    over = send(admin, CLINIC, add, day="2026-03-02")
    send(admin, CLINIC, add, day="2026-12-24")
    page = send(admin, CLINIC, f"{add}/federal", year="2026")

    assert "This day is over." in over.text
    assert "Thu, Dec 24, 2026" in page.text
    assert "2026-11-26" in stored(sessions, alex).holidays
    assert "2026-01-01" not in stored(sessions, alex).holidays
    send(admin, CLINIC, f"{add}/remove", day="2026-12-24")
    assert "2026-12-24" not in stored(sessions, alex).holidays
    assert {"holidays_added", "holiday_removed"} <= written_down(sessions).keys()


def test_the_index_says_what_is_missing(admin):
    before = admin.get("/settings").text
    send(admin, CLINIC, f"{CLINIC}/holidays/federal", year="2026")

    assert "No holiday is listed" in before
    assert "Nobody is on call" in before
    assert "Open now" in before
    assert "No holiday is listed" not in admin.get("/settings").text


ON_CALL = "/settings/on-call"


def test_the_order_names_people_and_who_stands_in(admin, sessions, alex, sam):
    page = send(admin, ON_CALL, f"{ON_CALL}/{sam.staff_id}", duty="on_call", phone="(713) 555-0142")

    assert "The next notice goes by it" in page.text
    assert re.search(r"at once</span><span>Sam Nguyen</span>", page.text)
    assert re.search(r"after 3 min</span><span>Alex Rivera <.*nobody is lead", page.text)
    with sessions() as db:
        assert db.get_one(Staff, sam.staff_id).phone == "+17135550142"
    detail = written_down(sessions)["staff_changed"]
    assert detail["changed"] == ["duty", "phone"]
    assert "7135550142" not in str(detail)


def test_a_number_that_is_none_is_told_beside_its_person(admin, sessions, sam):
    page = send(admin, ON_CALL, f"{ON_CALL}/{sam.staff_id}", duty="", phone="12")

    assert page.status_code == 422
    assert "This is not a phone number" in page.text
    assert "staff_changed" not in written_down(sessions)


def test_a_test_notice_tells_what_came_of_it(admin, sessions, alex, sam):
    test = f"{ON_CALL}/{sam.staff_id}/test"
    waits = send(admin, ON_CALL, test)
    with sessions.begin() as db:
        message = db.scalars(select(Message)).one()
        assert (message.channel, message.key) == ("email", "notice_test")
        message.state, message.reason = MessageState.REFUSED, "There is no such mailbox."

    failed = admin.get(ON_CALL)
    for _ in range(4):
        send(admin, ON_CALL, test)
    flood = send(admin, ON_CALL, test)

    assert "no worker runs" in waits.text
    assert "It did not arrive. There is no such mailbox." in failed.text
    assert (flood.status_code, "Wait a little" in flood.text) == (422, True)
    assert written_down(sessions)["test_sent"]["channel"] == "email"


def test_nobody_changes_or_tests_staff_of_another_clinic(admin, sessions):
    with sessions.begin() as db:
        elsewhere = a_clinic(db, name="Third", sender="+12815550008")
        lee = a_person(db, elsewhere, "lee@third.example", Role.THERAPIST, name="Lee")

    changed = send(admin, ON_CALL, f"{ON_CALL}/{lee.staff_id}", duty="lead", phone="")
    tested = send(admin, ON_CALL, f"{ON_CALL}/{lee.staff_id}/test")

    assert (changed.status_code, tested.status_code) == (404, 404)


KEYS = "/settings/api-keys"


def test_a_key_is_shown_once_works_and_ends(admin, sessions, alex):
    made = send(admin, KEYS, KEYS, name="Front desk", password=PASSWORD)
    token = re.search(r"ak_[\w-]{40,}", made.text)[0]

    assert made.headers["Cache-Control"] == "no-store"
    assert token not in admin.get(KEYS).text
    with sessions() as db:
        key = api_key_by_token(db, token)
        assert key.clinic_id == alex.clinic_id
    ended = send(admin, KEYS, f"{KEYS}/{key.id}/disable")
    assert "refused from now on" in ended.text
    with sessions() as db:
        assert api_key_by_token(db, token) is None
        by = select(AuditEntry.actor).where(AuditEntry.subject == f"api_key:{key.id}")
        assert db.scalars(by).all() == ["Alex Rivera", "Alex Rivera"]


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("", PASSWORD, "Say what will use it"),
        ("Front desk", PASSWORD, "Another key in use has this name"),
        ("Booking", "not the password", "not your current password"),
    ],
)
def test_a_key_is_not_made_without_a_name_of_its_own_and_the_password(
    admin, sessions, alex, name, password, told
):
    with sessions.begin() as db:
        create_api_key(db, db.get_one(Clinic, alex.clinic_id), name="Front desk", now=NOON)

    page = send(admin, KEYS, KEYS, name=name, password=password)

    assert (page.status_code, told in page.text) == (422, True)
    with sessions() as db:
        assert len(api_keys_of(db, alex.clinic_id)) == 1


def test_a_key_of_another_clinic_is_not_there(admin, sessions):
    with sessions.begin() as db:
        elsewhere = a_clinic(db, name="Third", sender="+12815550008")
        key, token = create_api_key(db, elsewhere, name="theirs", now=NOON)
        key_id = key.id

    ended = send(admin, KEYS, f"{KEYS}/{key_id}/disable")

    assert ended.status_code == 404
    assert "theirs" not in admin.get(KEYS).text
    with sessions() as db:
        assert api_key_by_token(db, token) is not None


SENDING = "/settings/sending"


def test_a_test_goes_to_oneself_by_the_channel_that_was_asked(admin, sessions, alex):
    no_number = send(admin, SENDING, f"{SENDING}/test", by="sms")
    with sessions.begin() as db:
        db.get_one(Staff, alex.staff_id).phone = "+17135550142"
    send(admin, SENDING, f"{SENDING}/test", by="sms")
    page = send(admin, SENDING, f"{SENDING}/test", by="email")

    assert (no_number.status_code, "has no phone number" in no_number.text) == (422, True)
    assert "Text to Alex Rivera" in page.text
    assert "Email to Alex Rivera" in page.text
    with sessions() as db:
        sent = db.execute(select(Message.channel, Address.value).join(Address)).all()
    assert set(sent) == {("sms", "+17135550142"), ("email", "alex@bayou.example")}


def test_stopped_texts_are_let_go_out_again(admin, sessions, alex):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        clinic.sending_stopped_at = NOON
        clinic.sending_stopped_because = "The sender is blocked."

    stopped = admin.get(SENDING).text
    page = send(admin, SENDING, f"{SENDING}/resume")

    assert "The sender is blocked." in stopped
    assert "Texts go out again." in page.text
    assert stored(sessions, alex).sending_stopped_at is None
    assert "sending_resumed" in written_down(sessions)


PROTOCOL = "/settings/protocol"


def test_an_invented_patient_gets_what_the_protocol_says(admin, sessions):
    spanish = admin.get(f"{PROTOCOL}?language=es&flag=fluid_limit&ended=2026-03-03T15:00").text
    email = admin.get(f"{PROTOCOL}?channel=email").text

    assert "Check-in, day 2</strong> Thu Mar 5, 3:00 PM" in spanish
    assert re.search(r"septets, \d segment", spanish)
    assert "septets" not in email
    assert admin.get(f"{PROTOCOL}?region=nowhere").status_code == 404
    with sessions() as db:
        assert db.scalars(select(Message)).all() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{clinic}: Drink water today. Reply STOP to opt out.", "It can be sent like this"),
        ("{clinic}: Drink water. 🥤", "cannot carry"),
        ("Drink water.", "{clinic} is missing"),
        ("{clinic} " + "water " * 60, "are allowed"),
    ],
)
def test_a_tried_wording_is_counted_and_not_kept(admin, text, told):
    path = f"{PROTOCOL}/texts/hydrate"

    tried = send(admin, path, path, language="en", text=text)

    assert (tried.status_code, told in tried.text) == (200, True)
    assert text not in admin.get(path).text


def test_every_wording_stands_in_both_languages(admin):
    page = admin.get(f"{PROTOCOL}/texts").text

    assert page.count('class="bubble" lang="en"') == page.count('class="bubble" lang="es"') > 40
    assert "[callby]" in page
    assert admin.get(f"{PROTOCOL}/texts/none").status_code == 404
