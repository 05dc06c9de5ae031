"""Every page of staff, by who looks: nobody, a therapist, an admin; and by where a form is from."""

from __future__ import annotations

from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts

from service.app import site as site_of
from service.parts import join
from service.settings import read_settings
from tests.web.staff.browsing import form_token
from tests.web.staff.routes import ADMINS, ALL, SIGNED_IN
from tests.web.test_who_may_call import BY_SIGNATURE, WITHOUT_A_KEY

POSTS = sorted(path for method, path in ALL if method == "POST")


def path(template: str) -> str:
    """Fill an address in with ids that there are not."""
    while "{" in template:
        before, _, after = template.partition("{")
        template = before + uuid4().hex + after.partition("}")[2]
    return template


def test_every_page_is_listed(tmp_path):
    parts = join(
        read_settings(
            {
                "AFTERCARE_DATABASE_URL": f"sqlite:///{tmp_path}/none.db",
                "AFTERCARE_SECRET_KEYS": "long enough to be taken for a secret",
            }
        )
    )

    found = {
        (method, route.path)
        for route in iter_route_contexts(site_of(parts, None).routes)
        for method in route.methods or ()
        if method != "HEAD"
        and not route.path.startswith(("/api/", "/webhooks/", "/static/", "/c/", "/u/", "/p/"))
        and route.path not in WITHOUT_A_KEY | BY_SIGNATURE
    }

    assert found == ALL


def test_who_is_not_signed_in_is_asked_to(browser, alex):
    token = form_token(browser.get("/sign-in"))

    answers = {
        call: browser.request(
            call[0], path(call[1]), data={"form_token": token}, follow_redirects=False
        )
        for call in SIGNED_IN | ADMINS
    }

    open_to_all = {
        call
        for call, answer in answers.items()
        if answer.status_code != 404
        and not (answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in"))
    }
    assert open_to_all == set()


def test_a_form_without_its_token_changes_nothing(admin):
    answers = {each: admin.post(path(each), data={"password": "x"}) for each in POSTS}

    assert {each for each, answer in answers.items() if answer.status_code != 403} == set()
    assert {each for each in POSTS if "Please send it again" not in answers[each].text} == set()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a neighbour under the same name"),
        pytest.param({"Origin": "https://evil.example"}, id="an older browser elsewhere"),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(admin, headers):
    form = {"form_token": form_token(admin.get("/account"))}

    answers = {each: admin.post(path(each), data=form, headers=headers) for each in POSTS}

    assert {each for each, answer in answers.items() if answer.status_code != 403} == set()


def test_an_admins_page_is_closed_to_therapists(therapist):
    form = {"form_token": form_token(therapist.get("/account"))}

    answers = {call: therapist.request(call[0], path(call[1]), data=form) for call in ADMINS}

    assert {call for call, answer in answers.items() if answer.status_code != 403} == set()
