"""Staff sign in with a password and a code, are remembered for a day, and are out at once."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from service.domain.values import Role
from service.pathway.administration import create_staff, disable
from service.pathway.invitations import invite
from service.store.accounts import Account
from service.store.audit import AuditEntry
from service.store.clinics import Clinic, Staff
from service.store.sign_ins import SignIn
from service.web.deps import WebParts
from service.web.pages.account import router as account_pages
from service.web.pages.signing_in import router as signing_in_pages
from service.web.site import build_site
from tests.make import NOON, a_clinic
from tests.web.staff.browsing import PASSWORD, a_person, form_token, send, sign_in

COOKIE = "__Host-sign-in"


@pytest.fixture
def jo(browser, sessions, alex):
    """Somebody with an authenticator app, and her recovery codes."""
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        staff = create_staff(db, clinic, email="jo@bayou.example", role=Role.ADMIN, now=NOON)
        token = invite(db, staff, NOON, actor="test")
    page = browser.get(f"/invitation/{token}")
    app = pyotp.TOTP(re.search(r'class="key">([^<]+)<', page.text)[1].replace(" ", ""))
    # The code of the step before: that of this one is still there to sign in with.
    code = app.at(NOON - timedelta(seconds=30))
    page = send(
        browser, f"/invitation/{token}", f"/invitation/{token}", password=PASSWORD, code=code
    )
    return app, re.findall(r"<code>([^<]+)<", page.text)


def give_code(browser, code):
    return send(browser, "/sign-in/code", "/sign-in/code", code=code)


def is_in(browser) -> bool:
    return browser.get("/account", follow_redirects=False).status_code == 200


def actions(sessions) -> list[str]:
    with sessions.begin() as db:
        return list(db.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_a_password_and_a_code_let_somebody_in(browser, jo):
    app, _ = jo

    asked = sign_in(browser, "Jo@Bayou.example")
    assert asked.url.path == "/sign-in/code"
    assert not is_in(browser)
    give_code(browser, app.at(NOON))

    assert is_in(browser)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("jo@bayou.example", "not her password", id="wrong password"),
        pytest.param("nobody@bayou.example", PASSWORD, id="no such person"),
        pytest.param("jo@bayou.example", "", id="nothing typed"),
    ],
)
def test_a_wrong_password_is_told_as_an_unknown_person_is(browser, jo, email, password):
    answer = sign_in(browser, email, password)

    assert answer.status_code == 422
    assert "The email or the password is not right." in answer.text


def test_a_code_works_once(browser, new_browser, jo):
    app, _ = jo
    sign_in(browser, "jo@bayou.example")
    give_code(browser, app.at(NOON))
    another = new_browser()
    sign_in(another, "jo@bayou.example")

    assert give_code(another, app.at(NOON)).status_code == 422

    assert not is_in(another)


@pytest.mark.parametrize("steps", [-2, 1])
def test_a_code_that_is_too_old_or_too_new_is_refused(browser, clock, jo, steps):
    app, _ = jo
    clock.now += timedelta(minutes=5)
    sign_in(browser, "jo@bayou.example")

    answer = give_code(browser, app.at(clock.now + timedelta(seconds=30 * steps)))

    assert answer.status_code == 422


def test_a_recovery_code_stands_in_for_the_app_once(browser, new_browser, jo):
    _, codes = jo
    another = new_browser()
    sign_in(browser, "jo@bayou.example")
    sign_in(another, "jo@bayou.example")

    give_code(browser, codes[0].lower().replace("-", " "))
    give_code(another, codes[0])

    assert is_in(browser)
    assert not is_in(another)


def test_after_five_wrong_codes_the_password_is_asked_again(browser, jo):
    app, _ = jo
    sign_in(browser, "jo@bayou.example")

    for _ in range(5):
        answer = give_code(browser, "000000")

    assert answer.url.path == "/sign-in"
    assert give_code(browser, app.at(NOON)).url.path == "/sign-in"


def test_a_code_waits_five_minutes_at_most_for_its_password(browser, clock, jo):
    app, _ = jo
    sign_in(browser, "jo@bayou.example")
    clock.now += timedelta(minutes=6)

    give_code(browser, app.at(clock.now))

    assert not is_in(browser)


def test_where_real_patients_are_nobody_enters_without_a_code(engine, sessions, alex, new_browser):
    live = WebParts(engine, sessions, lambda: NOON, public_url="https://care.example")
    browser = new_browser()
    browser.app = build_site(live, signing_in_pages(), account_pages())
    browser._transport.app = browser.app

    assert sign_in(browser, alex.email).status_code == 422


def test_a_cookie_that_was_there_before_is_not_the_one_that_opens(browser, jo):
    app, _ = jo
    browser.get("/sign-in")
    sign_in(browser, "jo@bayou.example")
    before = browser.cookies[COOKIE]

    give_code(browser, app.at(NOON))

    assert browser.cookies[COOKIE] != before


def test_cookies_are_for_this_host_over_https_and_out_of_scripts_reach(browser, alex):
    answer = send_only(browser, alex.email)

    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


def send_only(browser, email):
    token = form_token(browser.get("/sign-in"))
    fields = {"form_token": token, "email": email, "password": PASSWORD}
    return browser.post("/sign-in", data=fields, follow_redirects=False)


def test_only_hashes_of_cookies_are_stored(admin, sessions):
    with sessions.begin() as db:
        stored = db.scalars(select(SignIn.token_hash)).all()

    assert admin.cookies[COOKIE] not in stored


def test_signing_out_ends_the_cookie_itself(admin):
    kept = admin.cookies[COOKIE]

    send(admin, "/account", "/sign-out")
    admin.cookies.set(COOKIE, kept, domain="care.example", path="/")

    assert not is_in(admin)


def test_signing_out_clears_what_the_browser_kept(admin):
    answer = send(admin, "/account", "/sign-out")

    assert answer.history[0].headers["Clear-Site-Data"] == '"cache", "storage"'


def test_a_quarter_of_an_hour_without_a_look_signs_out(admin, clock):
    clock.now += timedelta(minutes=14)
    assert is_in(admin)
    clock.now += timedelta(minutes=14)
    assert is_in(admin)
    clock.now += timedelta(minutes=15)

    assert not is_in(admin)


def test_nobody_stays_longer_than_twelve_hours(admin, clock):
    for _ in range(12 * 6):
        clock.now += timedelta(minutes=10)
        last = is_in(admin)

    assert not last


def test_who_is_disabled_is_out_at_once(admin, alex, sessions):
    with sessions.begin() as db:
        disable(db, db.get_one(Staff, alex.staff_id), NOON)

    assert not is_in(admin)


def test_another_role_wants_another_sign_in(admin, alex, sessions):
    with sessions.begin() as db:
        db.get_one(Staff, alex.staff_id).role = Role.THERAPIST

    assert not is_in(admin)


def test_one_who_works_at_two_clinics_chooses_and_changes(browser, alex, sessions):
    with sessions.begin() as db:
        account_id = db.get_one(Staff, alex.staff_id).account_id
        other = a_clinic(db, name="Cypress Needling", sender="+12815550001")
        second = create_staff(db, other, email=alex.email, role=Role.THERAPIST, now=NOON)
        second.account_id = account_id
        second_id = second.id

    chosen_from = sign_in(browser, alex.email)
    before = browser.cookies[COOKIE]
    page = send(browser, "/clinics", "/clinics", staff_id=str(second_id))

    assert chosen_from.url.path == "/clinics"
    assert {"Bayou Needling", "Cypress Needling"} <= set(
        re.findall(r"<strong>([^<]+)<", chosen_from.text)
    )
    assert page.url.path == "/today"
    assert browser.cookies[COOKIE] != before
    assert "Cypress Needling" in browser.get("/account").text


def test_nobody_chooses_a_place_that_is_somebody_elses(admin, sam):
    answer = send(admin, "/account", "/clinics", staff_id=str(sam.staff_id))

    assert answer.status_code == 404


def test_signing_in_out_and_failing_is_written_down_without_patients(browser, alex, sessions):
    sign_in(browser, alex.email, "not the password")
    sign_in(browser, "nobody@bayou.example")
    sign_in(browser, alex.email)
    send(browser, "/account", "/sign-out")

    assert [a for a in actions(sessions) if a.startswith("sign")] == [
        "sign_in_failed",
        "sign_in_failed",
        "signed_in",
        "signed_out",
    ]
    with sessions.begin() as db:
        assert not [e for e in db.scalars(select(AuditEntry)) if "@" in str(e.detail) + e.subject]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/account", "/account"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_signing_in_leads_on_inside_this_site_only(browser, alex, asked, given):
    token = form_token(browser.get("/sign-in"))
    fields = {"form_token": token, "email": alex.email, "password": PASSWORD, "next": asked}

    answer = browser.post("/sign-in", data=fields, follow_redirects=False)

    assert answer.headers["Location"] == given


def test_a_password_of_an_older_strength_is_stored_anew(browser, alex, sessions):
    from pwdlib.hashers.argon2 import Argon2Hasher

    with sessions.begin() as db:
        account = db.scalars(select(Account)).one()
        account.password_hash = Argon2Hasher(time_cost=1, memory_cost=1024).hash(PASSWORD)

    sign_in(browser, alex.email)

    with sessions.begin() as db:
        assert "m=1024," not in db.scalars(select(Account.password_hash)).one()


def test_two_people_on_one_machine_have_a_sign_in_each(admin, therapist):
    assert "alex@bayou.example" in admin.get("/account").text
    assert "sam@bayou.example" in therapist.get("/account").text


def test_somebody_with_no_clinic_left_sees_none(browser, alex, sessions):
    with sessions.begin() as db:
        other = a_clinic(db, name="Cypress Needling", sender="+12815550001")
        a_person(db, other, "lee@cypress.example", Role.ADMIN)
        disable(db, db.get_one(Staff, alex.staff_id), NOON)

    page = sign_in(browser, alex.email)

    assert page.url.path == "/clinics"
    assert "no clinic has you among its staff" in page.text
