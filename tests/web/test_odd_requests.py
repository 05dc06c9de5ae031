"""Whatever is sent, the answer says what is wrong: never a server's error, never half stored."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.test_sessions_api import VISIT, visit
from tests.web.test_who_may_call import CALLS

on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What is refused at the door never reaches a database: one kind is enough."""
NOBODY = UUID(int=0)
BY_ID = [call for call in CALLS if "{" in call[1]]


def at(template: str, one_id: object) -> str:
    return re.sub(r"\{.*\}", str(one_id), template)


def named(answer) -> list[str]:
    return [wrong["field"] for wrong in answer.json()["detail"]]


@on_one_database
@pytest.mark.parametrize("call", BY_ID, ids=" ".join)
def test_what_is_no_id_is_refused_by_name(api, call):
    method, template = call

    for wrong in ("visit-881", "%00", "1", "a" * 5000):
        answer = api.request(method, at(template, wrong), json=CALLS[call])

        assert answer.status_code == 422
        assert [f"{{{name}}}" for name in named(answer)] == re.findall(r"\{.*\}", template)


@on_one_database
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=here", "cursor"),
        ("patient_id=Ana", "patient_id"),
        ("since=yesterday", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("since=9999-12-31T23:59:59-14:00", "since"),
        ("limit=0", "limit"),
        ("limit=99999999999999999999", "limit"),
    ],
)
def test_a_wrong_question_names_the_field(api, query, field):
    answer = api.get(f"/api/v1/sessions?{query}")

    assert (answer.status_code, named(answer)) == (422, [field])


@on_one_database
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"external_id": "visit\0"}, "external_id", id="NUL"),
        pytest.param({"external_id": "\ud800"}, "external_id", id="half a character"),
        pytest.param({"patient__first_name": "A\0na"}, "patient.first_name", id="NUL in a name"),
        pytest.param({"move_plan": "\udfff"}, "move_plan", id="half a character in words"),
        pytest.param({"patient__first_name": "A" * 101}, "patient.first_name", id="too long"),
        pytest.param({"patient__time_zone": "\0"}, "patient.time_zone", id="NUL in a zone"),
        pytest.param({"patient__phone": "+1" * 5000}, "patient.phone", id="a long phone"),
        pytest.param({"patient__email": "a@" * 5000}, "patient.email", id="a long email"),
        pytest.param({"ended_at": "0001-01-01T00:00:00+14:00"}, "ended_at", id="before time"),
        pytest.param({"ended_at": "9999-12-31T23:59:59-14:00"}, "ended_at", id="after time"),
        pytest.param({"baseline_pain": 10**30}, "baseline_pain", id="a huge number"),
        pytest.param({"regions": [["calf"]]}, "regions.0", id="a list in a list"),
        pytest.param({"patient": None}, "patient", id="nobody"),
        pytest.param({"patient": "Ana"}, "patient", id="a name for a patient"),
    ],
)
def test_a_wrong_value_names_the_field(api, changes, field):
    body = json.dumps(visit(**changes))

    answer = api.post("/api/v1/sessions", content=body, headers=JSON)

    assert (answer.status_code, named(answer)) == (422, [field])


JSON = {"Content-Type": "application/json"}


@on_one_database
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"visit"', b"[" * 20000])
def test_what_is_no_visit_is_refused(api, body):
    answer = api.post("/api/v1/sessions", content=body, headers=JSON)

    assert answer.status_code in (400, 422)


@on_one_database
@pytest.mark.parametrize("body", [b"{", b"\xff"])
@pytest.mark.parametrize("key", [None, "Bearer nobody", "Basic YTpi"])
def test_who_has_no_key_hears_only_that_whatever_is_in_the_body(api, body, key):
    headers = JSON | ({"Authorization": key} if key else {})
    del api.headers["Authorization"]

    assert api.post("/api/v1/sessions", content=body, headers=headers).status_code == 401


@on_one_database
@pytest.mark.parametrize("call", [call for call in CALLS if CALLS[call]], ids=" ".join)
def test_a_body_over_a_megabyte_is_refused(api, call):
    method, template = call
    body = json.dumps(CALLS[call] | {"note": "x" * 1024 * 1024})

    answer = api.request(method, at(template, NOBODY), content=body, headers=JSON)

    assert answer.status_code == 413


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
_FIELDS = [
    *((name,) for name in VISIT),
    *(("patient", name) for name in VISIT["patient"]),
    ("patient", "consent", "sms"),
]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(field=st.sampled_from(_FIELDS), value=_ANY)
def test_any_value_in_any_field_is_taken_or_refused_by_name(api, field, value):
    body = deepcopy(VISIT)
    target = body
    for step in field[:-1]:
        target = target[step]
    target[field[-1]] = value

    answer = api.post("/api/v1/sessions?dry_run=true", content=json.dumps(body), headers=JSON)

    assert answer.status_code in (201, 422)
    if answer.status_code == 422:
        assert all(wrong.split(".")[0] in VISIT for wrong in named(answer))


def test_nothing_is_echoed_to_trace(site):
    for path in ("/healthz", "/api/v1/sessions", "/c/none", "/static/aftercare.css"):
        assert site.request("TRACE", path, headers={"X-Told": "zq"}).status_code in (404, 405)
