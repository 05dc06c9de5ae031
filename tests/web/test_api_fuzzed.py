"""Whatever is asked of the API: it answers as its own document says, and opens to its keys only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import select

from service.store.base import Base
from service.store.clinics import Clinic
from service.store.engine import Sessions
from tests.web.test_odd_requests import on_one_database
from tests.web.test_sessions_api import VISIT
from tests.web.test_who_may_call import CALLS, Known, known

__all__ = ["known"]
pytestmark = pytest.mark.slow

AS_DOCUMENTED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SHORT = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
BEYOND_THE_DOCUMENT = ("phone", "email", "time_zone", "channel", "consent")
"""Of these the document says only what kind they are: whether one fits depends on the others."""


def for_each_call(api: TestClient, check: Callable[[schemathesis.Case], None]) -> None:
    """Let what the application's document allows, and what it does not, come at each operation."""
    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", api.app)
    operations = [found.ok() for found in document.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in operations} >= CALLS.keys()
    for operation in operations:
        for kind in GenerationMode:
            # Nothing can be wrong with a call that takes nothing.
            with suppress(Unsatisfiable):
                SHORT(given(case=operation.as_strategy(generation_mode=kind))(check))()


def at_home(case: schemathesis.Case, known: Known) -> None:
    """Let a call be about what is there, with a person and a time that there can be."""
    ids = vars(known)
    case.path_parameters = {
        name: ids.get(name, value) for name, value in (case.path_parameters or {}).items()
    }
    body: Any = case.body
    if isinstance(body, dict) and "ended_at" in body:
        body["ended_at"] = VISIT["ended_at"]
    if isinstance(body, dict) and isinstance(body.get("patient"), dict):
        body["patient"] |= {name: VISIT["patient"][name] for name in BEYOND_THE_DOCUMENT}


def test_every_call_is_answered_as_the_document_says(api, known):
    key, done = {"Authorization": api.headers["Authorization"]}, set()

    def check(case):
        # Without a worker the service is not ready, which is said with 503.
        checks = AS_DOCUMENTED if case.path != "/readyz" else AS_DOCUMENTED[1:]
        case.call_and_validate(headers=dict(key), checks=checks)
        at_home(case, known)
        answer = case.call_and_validate(headers=dict(key), checks=checks)
        if answer.status_code < 300:
            done.add((case.method, case.path))

    for_each_call(api, check)

    assert done >= CALLS.keys(), "or it was refusals alone that were looked at"


@on_one_database
def test_no_call_is_answered_without_a_key(api, known):
    def check(case):
        at_home(case, known)
        for wrong in ({}, {"Authorization": "Bearer nobody-has-this-key"}):
            assert not case.path.startswith("/api/") or case.call(headers=wrong).status_code == 401

    for_each_call(api, check)


@on_one_database
def test_another_clinics_key_tells_and_changes_nothing_of_ours(api, other_key, known, sessions):
    before = of_ours(sessions)

    def check(case):
        at_home(case, known)
        answer = case.call_and_validate(headers=dict(other_key), checks=AS_DOCUMENTED[1:])

        if case.path_parameters:
            assert answer.status_code in (401, 404, 422), case.path
        assert not [ours for ours in vars(known).values() if ours in answer.text], case.path

    for_each_call(api, check)

    assert of_ours(sessions) == before


def of_ours(sessions: Sessions) -> list[object]:
    """All rows of our clinic, as they are stored."""
    tables = [table for table in Base.metadata.sorted_tables if "clinic_id" in table.c]
    with sessions() as db:
        clinic = db.scalars(select(Clinic).where(Clinic.name == "Bayou Needling")).one()
        return [
            sorted(db.execute(select(table).where(table.c.clinic_id == clinic.id)).all(), key=str)
            for table in tables
        ]
