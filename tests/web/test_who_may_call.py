"""Every route, by who calls it: nobody, a disabled key, another clinic, the clinic itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import select

from service.app import site as site_of
from service.gateways.twilio_sms import TWILIO_API_URL, TwilioAccount
from service.parts import join
from service.pathway.administration import create_api_key, disable
from service.pathway.replies import receive
from service.settings import read_settings
from service.store.clinics import Clinic
from service.store.flags import Flag
from tests.make import NOON
from tests.pathway.builders import ROUTINE, a_text, rules_that_read
from tests.web.staff.routes import STAFF_PAGES
from tests.web.test_sessions_api import VISIT, visit

CALLS: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/sessions"): visit(external_id="visit-883"),
    ("GET", "/api/v1/sessions"): None,
    ("GET", "/api/v1/sessions/{session_id}"): None,
    ("PATCH", "/api/v1/sessions/{session_id}"): {"ended_at": "2026-03-03T17:50:00Z"},
    ("POST", "/api/v1/sessions/{session_id}/cancel"): {"reason": "Moved away"},
    ("GET", "/api/v1/flags"): None,
    ("POST", "/api/v1/flags/{flag_id}/own"): None,
    ("POST", "/api/v1/flags/{flag_id}/calls"): {"outcome": "reached"},
    ("GET", "/api/v1/patients/{patient_id}/export"): None,
    ("POST", "/api/v1/patients/{patient_id}/stop"): {"reason": "Admitted"},
    ("POST", "/api/v1/patients/{patient_id}/resume"): None,
    ("DELETE", "/api/v1/patients/{patient_id}"): None,
}
"""Each call that needs a key, with a body that it takes."""

WITHOUT_A_KEY = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/robots.txt",
    "/api/v1/openapi.json",
    "/static/{name}",
}
"""They tell nothing of any clinic's patients."""

BY_SIGNATURE = {
    "/webhooks/twilio/inbound",
    "/webhooks/twilio/status/{message_id}",
    "/webhooks/email/inbound/{token}",
    "/c/{token}",
    "/c/{token}/tell",
    "/u/{token}",
    "/u/{token}/again",
    "/p/{token}",
    "/p/{token}/tell",
    "/p/{token}/language",
    "/p/{token}/channel",
    "/p/{token}/stop",
    "/p/{token}/start",
}
"""A provider's signature, or a link that we made for one patient, is the key; each has tests."""


@dataclass(frozen=True)
class Known:
    """The ids of the clinic's own rows, as the routes name them."""

    session_id: str
    patient_id: str
    flag_id: str

    def path(self, template: str) -> str:
        return template.format_map(vars(self))


@pytest.fixture
def known(api, sessions) -> Known:
    """A session whose patient wrote something that a person must act on."""
    session = api.post("/api/v1/sessions", json=VISIT).json()
    phone = VISIT["patient"]["phone"]
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic).where(Clinic.name == "Bayou Needling")).one()
        receive(db, clinic, a_text("it aches", sender_address=phone), rules_that_read(ROUTINE))
        flag = db.scalars(select(Flag).where(Flag.kind == "reply")).one()
    return Known(session["id"], session["patient_id"], str(flag.id))


def ask(client: TestClient, call: tuple[str, str], known: Known, **headers: str) -> Any:
    method, template = call
    # The patient has an open flag, which would otherwise stop the erasure.
    query = "?force=true" if method == "DELETE" else ""
    return client.request(method, known.path(template) + query, json=CALLS[call], headers=headers)


def test_every_route_is_listed_here(tmp_path):
    parts = join(
        read_settings(
            {
                "AFTERCARE_DATABASE_URL": f"sqlite:///{tmp_path}/none.db",
                "AFTERCARE_SECRET_KEYS": "long enough to be taken for a secret",
            }
        )
    )
    whole = site_of(parts, TwilioAccount("AC" + "0" * 32, "token", TWILIO_API_URL))

    found = {
        (method, route.path)
        for route in iter_route_contexts(whole.routes)
        for method in route.methods or ()
        if route.path not in WITHOUT_A_KEY | BY_SIGNATURE | STAFF_PAGES
    }

    assert found == CALLS.keys()


def test_without_a_key_nothing_is_answered(api, known):
    del api.headers["Authorization"]

    for call in CALLS:
        answer = ask(api, call, known)

        assert answer.status_code == 401, call
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_disabled_key_opens_nothing(api, sessions, known):
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).first()
        key, token = create_api_key(db, clinic, name="old desk", now=NOON)
        disable(db, key, NOON)

    for call in CALLS:
        answer = ask(api, call, known, Authorization=f"Bearer {token}")

        assert answer.status_code == 401, call


def test_another_clinics_id_is_as_unknown_as_any(api, other_key, known):
    unknown = Known(*(str(uuid4()) for _ in range(3)))

    for call in CALLS:
        if "{" in call[1]:
            foreign, absent = (ask(api, call, ids, **other_key) for ids in (known, unknown))

            assert foreign.status_code == absent.status_code == 404, call
            assert foreign.json() == absent.json()


def test_another_clinic_sees_no_id_of_ours(api, other_key, known):
    for call in CALLS:
        answer = ask(api, call, known, **other_key)

        assert not [ours for ours in vars(known).values() if ours in answer.text], call


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_the_clinic_itself_is_answered(api, known, call):
    assert ask(api, call, known).status_code in (200, 201)


def test_every_error_is_described(api):
    described = api.get("/api/v1/openapi.json").json()["paths"]

    for method, path in CALLS:
        wanted = {"401", "413", "422"} | ({"404"} if "{" in path else set())
        assert wanted <= described[path][method.lower()]["responses"].keys(), (method, path)
