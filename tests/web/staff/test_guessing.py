"""Guessing passwords becomes slow, and locks nobody out who was here before."""

from __future__ import annotations

from datetime import timedelta

from tests.web.staff.browsing import PASSWORD, sign_in


def fail(browser, email: str, times: int):
    for _ in range(times):
        answer = sign_in(browser, email, "a wrong password")
    return answer


def test_after_five_failures_even_the_right_password_waits(browser, alex):
    fail(browser, alex.email, 6)

    answer = sign_in(browser, alex.email)

    assert answer.status_code == 429
    assert "Too many tries" in answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_the_wait_doubles_and_ends(browser, alex, clock):
    waits = []
    for _ in range(6):
        fail(browser, alex.email, 6 if not waits else 1)
        waits.append(int(sign_in(browser, alex.email).headers["Retry-After"]))
        clock.now += timedelta(seconds=waits[-1])

    assert waits == [2, 4, 8, 16, 32, 64]
    assert sign_in(browser, alex.email).status_code != 429


def test_somebody_who_is_not_there_waits_as_well(browser, alex):
    answer = fail(browser, "nobody@bayou.example", 7)

    assert answer.status_code == 429


def test_a_browser_that_was_here_before_is_not_locked_out_by_strangers(admin, new_browser, alex):
    stranger = new_browser()
    fail(stranger, alex.email, 12)
    admin.cookies.delete("__Host-sign-in")

    assert sign_in(stranger, alex.email).status_code == 429
    assert sign_in(admin, alex.email, PASSWORD).status_code != 429
    assert admin.get("/account", follow_redirects=False).status_code == 200


def test_one_address_that_tries_many_people_waits(browser, alex):
    for number in range(32):
        answer = sign_in(browser, f"someone{number}@bayou.example", "a wrong password")

    assert answer.status_code == 429


def test_a_made_up_mark_of_a_browser_helps_nobody(browser, alex):
    browser.cookies.set("__Host-device", "made.up", domain="care.example", path="/")

    assert fail(browser, alex.email, 7).status_code == 429
