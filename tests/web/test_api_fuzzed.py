"""Whatever is asked of the API: it answers as its own document says, and opens to its keys only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

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


NO_JSON = {"detail": [{"field": "body", "message": "is not JSON in UTF-8"}]}


def for_each_call(api: TestClient, check: Callable[[schemathesis.Case], None]) -> int:
    """Let what the application's document allows, and what it does not, come at each operation."""
    document = schemathesis.openapi.from_asgi("/api/v1/openapi.json", api.app)
    operations = [found.ok() for found in document.get_all_operations()]
    for operation in operations:
        for kind in GenerationMode:
            # Nothing can be wrong with a call that takes nothing.
            with suppress(Unsatisfiable):
                SHORT(given(case=operation.as_strategy(generation_mode=kind))(check))()
    return len(operations)


def test_every_call_is_answered_as_the_document_says(api):
    key = {"Authorization": api.headers["Authorization"]}

    def check(case):
        # Without a worker the service is not ready, which is said with 503.
        checks = AS_DOCUMENTED if case.path != "/readyz" else AS_DOCUMENTED[1:]
        case.call_and_validate(headers=key, checks=checks)

    assert for_each_call(api, check) >= 14


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_call_is_answered_without_a_key(api):
    def check(case):
        if not case.path.startswith("/api/"):
            return
        for wrong in ({}, {"Authorization": "Bearer nobody-has-this-key"}):
            answer = case.call(headers=wrong)

            # A body that is no JSON is refused before anybody asks for the key.
            assert answer.status_code in (401, 405, 413, 422), case.path
            assert answer.status_code != 422 or answer.json() == NO_JSON

    for_each_call(api, check)
