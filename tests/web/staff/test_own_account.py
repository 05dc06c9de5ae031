"""People look after their own account: a forgotten password, a new one, codes, other browsers."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from service.store.accounts import Account, RecoveryCode, StaffLink
from service.store.audit import AuditEntry
from service.store.messages import Message
from tests.make import NOON
from tests.web.staff.browsing import PASSWORD, send, sign_in

NEW = "quite another password"
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def link(browser, sessions, alex):
    """Where the email with a new password leads, of somebody with an authenticator app."""
    with sessions.begin() as db:
        db.scalars(select(Account)).one().totp_secret = KEY
    send(browser, "/reset", "/reset", email=alex.email.upper())
    with sessions.begin() as db:
        return f"/reset/{db.scalars(select(Message)).one().slots['reset_token']}"


def choose(browser, link, at=NOON, password=NEW):
    return send(browser, link, link, password=password, code=pyotp.TOTP(KEY).at(at))


def stored(sessions, alex) -> str:
    with sessions.begin() as db:
        return db.scalars(select(Account.password_hash)).one()


def is_in(browser) -> bool:
    return browser.get("/account", follow_redirects=False).status_code == 200


def test_a_link_and_a_code_set_a_new_password_and_end_every_sign_in(
    admin, new_browser, clock, link, alex
):
    choose(new_browser(), link)

    assert not is_in(admin)
    assert sign_in(new_browser(), alex.email, NEW).url.path == "/sign-in/code"


def test_a_link_alone_sets_nothing(browser, sessions, link, alex):
    before = stored(sessions, alex)

    page = choose(browser, link, at=NOON + timedelta(minutes=5))

    assert page.status_code == 422
    assert stored(sessions, alex) == before


def test_a_link_works_once(browser, clock, link):
    choose(browser, link)
    clock.now += timedelta(minutes=1)

    assert browser.get(link).status_code == 410
    assert send(browser, "/reset", link, password=NEW).status_code == 410


def test_a_link_ends_after_half_an_hour(browser, clock, link):
    clock.now += timedelta(minutes=30)

    assert browser.get(link).status_code == 410


def test_codes_cannot_be_guessed_with_a_link(browser, link):
    for _ in range(6):
        page = choose(browser, link, at=NOON + timedelta(minutes=5))
    assert page.status_code == 422

    assert "Too many tries" in choose(browser, link).text


def test_asking_for_somebody_unknown_is_answered_the_same(browser, sessions, alex):
    known = send(browser, "/reset", "/reset", email=alex.email)
    unknown = send(browser, "/reset", "/reset", email="nobody@bayou.example")

    assert re.sub(r'value="[^"]+"', "", known.text) == re.sub(r'value="[^"]+"', "", unknown.text)
    with sessions.begin() as db:
        assert len(db.scalars(select(Message)).all()) == 1


def test_nobody_is_flooded_with_links(browser, sessions, alex):
    for _ in range(8):
        send(browser, "/reset", "/reset", email=alex.email)

    with sessions.begin() as db:
        assert len(db.scalars(select(Message)).all()) == 4


def test_the_link_leads_to_our_own_address_whatever_host_was_asked(browser, sessions, alex):
    token = re.search(r'name="form_token" value="([^"]+)"', browser.get("/reset").text)[1]
    browser.post(
        "/reset",
        data={"form_token": token, "email": alex.email},
        headers={"X-Forwarded-Host": "evil.example"},
    )

    with sessions.begin() as db:
        assert "evil" not in str(db.scalars(select(Message)).one().slots)
        assert not [link for link in db.scalars(select(StaffLink)) if "evil" in link.token_hash]


def test_a_changed_password_keeps_this_browser_and_ends_the_others(admin, new_browser, alex):
    other = new_browser()
    sign_in(other, alex.email)

    page = send(admin, "/account", "/account/password", old=PASSWORD, new=NEW)

    assert "Your password was changed" in page.text
    assert not is_in(other)
    assert is_in(admin)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("not the password", NEW, "not your current password"),
        (PASSWORD, "short", "at least 12"),
        (PASSWORD, "Alex Rivera Bayou", "little more than your name"),
    ],
)
def test_a_change_that_is_not_taken_says_why(admin, sessions, alex, old, new, told):
    before = stored(sessions, alex)

    page = send(admin, "/account", "/account/password", old=old, new=new)

    assert told in page.text
    assert stored(sessions, alex) == before


def test_who_finds_an_open_browser_cannot_guess_its_owners_password(admin):
    for _ in range(6):
        send(admin, "/account", "/account/password", old="a wrong password", new=NEW)

    page = send(admin, "/account", "/account/password", old=PASSWORD, new=NEW)

    assert "Too many tries" in page.text


def test_new_recovery_codes_replace_the_old(admin, sessions, alex):
    first = send(admin, "/account", "/account/recovery-codes", password=PASSWORD)
    second = send(admin, "/account", "/account/recovery-codes", password=PASSWORD)

    shown = [set(re.findall(r"<code>([^<]+)<", page.text)) for page in (first, second)]
    assert not shown[0] & shown[1]
    with sessions.begin() as db:
        assert len(db.scalars(select(RecoveryCode)).all()) == 8


def test_signing_out_everywhere_ends_every_browser(admin, new_browser, alex):
    other = new_browser()
    sign_in(other, alex.email)

    send(admin, "/account", "/account/sign-out-everywhere")

    assert not is_in(admin)
    assert not is_in(other)


def test_what_changed_is_written_down(admin, sessions, alex):
    send(admin, "/account", "/account/password", old=PASSWORD, new=NEW)
    send(admin, "/account", "/account/recovery-codes", password=NEW)

    with sessions.begin() as db:
        done = set(db.scalars(select(AuditEntry.action)))
    assert {"password_changed", "recovery_codes_renewed"} <= done
