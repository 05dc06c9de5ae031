"""Somebody gets an account: at the first start, by an invitation, or at a second clinic."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from service.domain.values import Role
from service.pathway.administration import create_staff, disable
from service.pathway.first_start import set_up_code
from service.pathway.invitations import invite
from service.store.accounts import Account, RecoveryCode, StaffLink
from service.store.audit import AuditEntry
from service.store.clinics import Clinic, Staff
from tests.make import NOON, a_clinic
from tests.web.staff.browsing import PASSWORD, send, sign_in

EMAIL = "jo@bayou.example"
SET_UP = {
    "clinic_name": "Bayou Needling",
    "time_zone": "America/Chicago",
    "phone": "281-555-0100",
    "name": "Jo March",
    "email": EMAIL,
}


@pytest.fixture
def clinic_id(sessions):
    with sessions.begin() as db:
        return a_clinic(db).id


@pytest.fixture
def staff_id(sessions, clinic_id):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, clinic_id)
        return create_staff(db, clinic, email=EMAIL, role=Role.ADMIN, name="Jo March", now=NOON).id


@pytest.fixture
def link(sessions, staff_id):
    return f"/invitation/{an_invitation(sessions, staff_id)}"


def an_invitation(sessions, staff_id, **how) -> str:
    with sessions.begin() as db:
        return invite(db, db.get_one(Staff, staff_id), NOON, actor="test", **how)


def code_on(page, at=NOON) -> str:
    key = re.search(r'class="key">([^<]+)<', page.text)[1].replace(" ", "")
    return pyotp.TOTP(key).at(at)


def take(browser, link, password=PASSWORD, at=NOON):
    return send(browser, link, link, password=password, code=code_on(browser.get(link), at))


def count(sessions, table) -> int:
    with sessions.begin() as db:
        return len(db.scalars(select(table)).all())


def test_an_invitation_makes_an_account_and_shows_its_recovery_codes_once(browser, sessions, link):
    page = take(browser, link)

    codes = re.findall(r"<code>([^<]+)<", page.text)
    assert len(set(codes)) == 8
    with sessions.begin() as db:
        stored = db.scalars(select(RecoveryCode.code_hash)).all()
    assert not [code for code in codes if code.replace("-", "") in stored]
    assert browser.get(link).status_code == 410


def test_looking_at_an_invitation_changes_nothing(browser, sessions, link):
    first, second = browser.get(link), browser.get(link)

    assert code_on(first) == code_on(second)
    assert count(sessions, Account) == 0


@pytest.mark.parametrize(
    ("password", "told"),
    [
        pytest.param("elevenchars", "at least 12", id="short"),
        pytest.param("q1w2e3r4t5y6", "first that a stranger", id="common"),
        pytest.param("jo.march@bayou", "little more than your name", id="their own name"),
        pytest.param("a" * 129, "at most 128", id="endless"),
    ],
)
def test_a_weak_password_is_refused_with_a_reason(browser, sessions, link, password, told):
    page = take(browser, link, password)

    assert page.status_code == 422
    assert told in page.text
    assert count(sessions, Account) == 0


def test_a_wrong_code_makes_no_account(browser, sessions, link):
    page = take(browser, link, at=NOON + timedelta(minutes=5))

    assert page.status_code == 422
    assert count(sessions, Account) == 0


def test_an_invitation_ends_after_seven_days(browser, clock, link):
    clock.now += timedelta(days=7)

    page = browser.get(link)

    assert page.status_code == 410
    assert "This link has ended" in page.text


def test_a_newer_invitation_ends_the_older(browser, sessions, link, staff_id):
    an_invitation(sessions, staff_id)

    assert browser.get(link).status_code == 410


def test_who_was_disabled_cannot_accept(browser, sessions, link, staff_id):
    with sessions.begin() as db:
        disable(db, db.get_one(Staff, staff_id), NOON)

    assert browser.get(link).status_code == 410


def test_neither_tokens_nor_keys_are_readable_in_the_database(sessions, link):
    with sessions.begin() as db:
        row = db.scalars(select(StaffLink)).one()
        key = row.totp_secret
        raw = str(db.connection().exec_driver_sql("SELECT * FROM staff_link").all())

    assert key not in raw
    assert link.removeprefix("/invitation/") not in raw


def test_what_was_invited_and_accepted_is_written_down(browser, sessions, link):
    take(browser, link)

    with sessions.begin() as db:
        done = db.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert done == ["staff_created", "invited", "invitation_accepted"]


def test_a_second_clinic_joins_the_account_that_there_is(browser, new_browser, sessions, alex, sam):
    with sessions.begin() as db:
        other = a_clinic(db, name="Cypress Needling", sender="+12815550001")
        member = create_staff(db, other, email=alex.email, role=Role.THERAPIST, now=NOON)
    link = f"/invitation/{an_invitation(sessions, member.id)}"
    stranger, wrong_one = new_browser(), new_browser()
    sign_in(wrong_one, sam.email)

    assert "Sign in first" in stranger.get(link).text
    assert "Sign in first" in wrong_one.get(link).text
    assert send(wrong_one, "/account", f"{link}/join").status_code == 410
    sign_in(browser, alex.email)
    page = send(browser, link, f"{link}/join")

    assert page.url.path == "/clinics"
    assert "Cypress Needling" in page.text
    assert count(sessions, Account) == 2


def test_an_invitation_opens_no_account_that_there_is(browser, sessions, alex):
    with sessions.begin() as db:
        other = a_clinic(db, name="Cypress Needling", sender="+12815550001")
        member = create_staff(db, other, email=alex.email, role=Role.ADMIN, now=NOON)
        before = db.scalars(select(Account.password_hash)).one()
    link = f"/invitation/{an_invitation(sessions, member.id)}"

    answer = send(browser, "/sign-in", link, password="another long password", code="000000")

    assert answer.status_code == 410
    with sessions.begin() as db:
        assert db.scalars(select(Account.password_hash)).one() == before


def test_a_lost_phone_gets_a_new_password_and_app_and_ends_what_was_open(
    browser, new_browser, sessions, alex
):
    sign_in(browser, alex.email)
    link = f"/invitation/{an_invitation(sessions, alex.staff_id, lost_phone=True)}"

    take(new_browser(), link, "quite another password")

    assert browser.get("/account", follow_redirects=False).status_code == 303
    again = sign_in(new_browser(), alex.email, "quite another password")
    assert again.url.path == "/sign-in/code"


def test_the_first_start_makes_the_clinic_and_its_admin_once(browser, sessions, vault):
    assert browser.get("/").url.path == "/set-up"

    page = send(browser, "/set-up", "/set-up", code=set_up_code(vault).lower(), **SET_UP)

    assert "Welcome, Jo March" in page.text
    assert take(browser, page.url.path).status_code == 200
    assert browser.get("/set-up").status_code == 404
    assert browser.get("/").url.path == "/sign-in"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"code": "AAAA-AAAA-AAAA-AAAA"}, id="a passer-by"),
        pytest.param({"email": "not an address"}, id="no address"),
        pytest.param({"time_zone": "Mars/Base"}, id="no such zone"),
        pytest.param({"clinic_name": " "}, id="no name"),
    ],
)
def test_a_first_start_that_cannot_be_finished_leaves_nothing(browser, sessions, vault, wrong):
    fields = SET_UP | {"code": set_up_code(vault)} | wrong

    page = send(browser, "/set-up", "/set-up", **fields)

    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert count(sessions, Clinic) == 0


def test_nobody_sets_up_a_service_that_has_a_clinic(browser, sessions, vault, clinic_id):
    answer = send(browser, "/sign-in", "/set-up", code=set_up_code(vault), **SET_UP)

    assert answer.status_code == 404
    assert count(sessions, Clinic) == 1
