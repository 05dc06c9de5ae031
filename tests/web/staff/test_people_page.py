"""Staff: an invitation is shown once, a role or an end holds at once, and never one's own."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from service.domain.values import Role
from service.store.audit import AuditEntry
from service.store.clinics import Staff, staff_of
from tests.make import a_clinic
from tests.web.staff.browsing import PASSWORD, a_person, send

PAGE = "/settings/staff"


def test_somebody_is_invited_once_and_the_link_works(admin, browser, sessions, alex):
    new = {"name": "Dana Whitfield", "email": "Dana@bayou.example", "role": "therapist"}

    made = send(admin, PAGE, PAGE, password=PASSWORD, **new)
    link = re.search(r"/invitation/([\w-]{40,})", made.text)[0]
    twice = send(admin, PAGE, PAGE, password=PASSWORD, **new)

    assert "Dana Whitfield" in browser.get(link).text
    assert link not in admin.get(PAGE).text
    assert (twice.status_code, "has this address already" in twice.text) == (422, True)
    dana = next(person for person in staff_with(sessions, alex) if person.name.startswith("Dana"))
    again = send(admin, PAGE, f"{PAGE}/{dana.id}/invite")
    assert "/invitation/" in again.text
    assert "Dana Whitfield" not in browser.get(link).text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": ""}, "Give their name"),
        ({"email": "dana"}, "not an email address"),
        ({"password": "not the password"}, "not your current password"),
    ],
)
def test_who_cannot_be_invited_is_told_at_the_field(admin, sessions, alex, changed, told):
    new = {"name": "Dana", "email": "dana@bayou.example", "role": "admin", "password": PASSWORD}

    page = send(admin, PAGE, PAGE, **(new | changed))

    assert (page.status_code, told in page.text) == (422, True)
    assert len(staff_with(sessions, alex)) == 1


def test_a_role_and_an_end_hold_at_once(admin, therapist, sessions, sam):
    assert therapist.get(PAGE).status_code == 403
    send(admin, PAGE, f"{PAGE}/{sam.staff_id}/role", role="admin")
    signed_out = therapist.get("/today", follow_redirects=False)
    send(admin, PAGE, f"{PAGE}/{sam.staff_id}/disable")
    with sessions() as db:
        sam_now = db.get_one(Staff, sam.staff_id)
        assert (sam_now.role, sam_now.disabled_at is None) == (Role.ADMIN, False)
    send(admin, PAGE, f"{PAGE}/{sam.staff_id}/enable")

    assert signed_out.headers["Location"].startswith("/sign-in")
    with sessions() as db:
        assert db.get_one(Staff, sam.staff_id).disabled_at is None
        by = select(AuditEntry.action).where(AuditEntry.actor == "Alex Rivera")
        assert {"role_changed", "disabled", "enabled"} <= set(db.scalars(by))


def test_nobody_ends_their_own_access_or_that_of_another_clinics_staff(admin, sessions, alex):
    with sessions.begin() as db:
        elsewhere = a_clinic(db, name="Third", sender="+12815550008")
        lee = a_person(db, elsewhere, "lee@third.example", Role.THERAPIST, name="Lee")

    answers = [
        send(admin, PAGE, f"{PAGE}/{who.staff_id}/{what}", role="therapist").status_code
        for who in (alex, lee)
        for what in ("role", "disable", "enable", "invite")
    ]

    assert answers == [404] * 8
    with sessions() as db:
        assert db.get_one(Staff, alex.staff_id).role is Role.ADMIN


def staff_with(sessions, alex) -> list[Staff]:
    with sessions() as db:
        return staff_of(db, alex.clinic_id)
