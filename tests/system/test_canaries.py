"""What only patient and clinic may know, looked for wherever it must not be: nowhere is it found.

Real processes on each database, at work and in trouble: logs, metrics, errors, addresses that were
asked for, the process list, the raw database and a backup.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.engine import make_url

from service.domain.values import CallOutcome, Role
from service.pathway.administration import create_api_key, create_clinic, create_staff
from service.pathway.callbacks import own, record_call
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from tests.system.house import House, until

pytestmark = [pytest.mark.slow]

NAME = "Xiomaraquz"
PHONE = "+12025550173"
EMAIL = "zqcanary@patients.example"
MOVES = "zqroll the heel over a ball"
WORDS = "zqmy hand is numb since zqtuesday"
NOTE = "zqadvised to come in"
STAFF_PHONE = "+12025550174"
CANARIES = (
    NAME,
    PHONE,
    PHONE[1:],
    PHONE[2:],
    "202-555-0173",
    EMAIL,
    "zqcanary",
    "zqroll",
    "zqmy hand",
    "zqtuesday",
    "zqadvised",
    STAFF_PHONE[2:],
)
CLINIC = "+12815550000"


class Seen:
    """Everything that is looked through, by where it was."""

    def __init__(self) -> None:
        self.places: dict[str, bytes] = {}

    def add(self, place: str, content: bytes | str) -> None:
        held = content.encode() if isinstance(content, str) else content
        self.places[place] = self.places.get(place, b"") + held

    def found(self) -> list[tuple[str, str]]:
        """Return each place with the canary that is in it, however it is written there."""
        return [
            (place, canary)
            for place, content in self.places.items()
            for canary in CANARIES
            for spelled in {canary, quote(canary), canary.encode("utf-16-le").decode("latin-1")}
            if spelled.encode("latin-1").lower() in content.lower()
        ]


@pytest.fixture
def key(sessions: Sessions) -> str:
    with sessions.begin() as db:
        now = datetime.now(UTC)
        clinic = create_clinic(
            db,
            name="Bayou",
            time_zone="America/Chicago",
            phone="281-555-0100",
            sender=CLINIC,
            now=now,
        )
        create_staff(
            db,
            clinic,
            email="kim@bayou.example",
            name="Kim",
            role=Role.ADMIN,
            phone=STAFF_PHONE,
            now=now,
        )
        return create_api_key(db, clinic, name="front desk", now=now)[1]


def a_session(**patient: Any) -> dict[str, Any]:
    given = {
        "first_name": NAME,
        "phone": PHONE,
        "email": EMAIL,
        "consent": {"sms": True, "email": True, "details": True},
    }
    return {
        "ended_at": (datetime.now(UTC) - timedelta(minutes=20)).isoformat(),
        "regions": ["calf_foot"],
        "move_plan": MOVES,
        "patient": given | patient,
    }


def wrong_requests(client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    """Ask for what cannot be given, with what nobody may read in each place of the request."""
    api = "/api/v1/sessions"
    for field, value in (
        ("phone", f"{PHONE}99999999"),
        ("email", f"{EMAIL} {EMAIL}"),
        ("first_name", NAME * 60),
        ("language", NAME),
        ("time_zone", f"Mars/{NAME}"),
        ("health_flags", [NAME]),
        ("consent", {"sms": NAME}),
        ("nickname", NAME),
    ):
        yield f"wrong {field}", client.post(api, json=a_session(**{field: value}))
    yield "wrong session", client.post(api, json=a_session() | {"regions": [NAME], "note": WORDS})
    yield "no JSON", client.post(api, content=f'{{"patient": "{NAME}'.encode())
    yield "no such session", client.get(f"{api}/{quote(NAME)}")
    yield "wrong cursor", client.get(api, params={"after": NAME, "patient_id": PHONE})
    yield "wrong key", client.get(api, headers={"Authorization": f"Bearer {NAME}"})
    yield "no such page", client.get(f"/{NAME}/{quote(WORDS)}?name={NAME}")
    yield "wrong link", client.get(f"/c/{NAME}")
    yield "wrong method", client.put(f"/p/{quote(WORDS)}")
    form = {"From": PHONE, "To": CLINIC, "Body": WORDS, "MessageSid": NAME}
    yield "forged text", client.post("/webhooks/twilio/inbound", data=form)
    yield "forged receipt", client.post(f"/webhooks/twilio/status/{NAME}", data=form)
    yield "forged email", client.post(f"/webhooks/email/inbound/{NAME}", content=WORDS.encode())
    yield "sign-in", client.post("/sign-in", data={"email": EMAIL, "password": WORDS})


def test_nobody_reads_of_patients_where_they_must_not(
    house: House, sessions: Sessions, engine: Engine, key: str, tmp_path: Path
):
    house.sandbox()
    web, worker = house.web(), house.worker()
    seen = Seen()
    with httpx.Client(
        base_url=house.public_url, headers={"Authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        live_through(house, client, sessions)
        for what, answer in wrong_requests(client):
            seen.add(f"answer: {what}", answer.content)
            assert answer.status_code < 500, what
        in_trouble(house, sessions)
        seen.add("metrics", client.get("/metrics").content)
        seen.add("readiness", client.get("/readyz").content)
    seen.add("processes", processes())
    house.run("backup", str(tmp_path / "kept.backup"))
    seen.add("backup", (tmp_path / "kept.backup").read_bytes())
    house.stop(worker)
    house.stop(web)
    for log in sorted(tmp_path.glob("*.log")):
        if log.name != "sandbox.log":  # The pretend provider is no part of the service.
            seen.add(log.name, log.read_bytes())
    seen.add("database", raw(engine, tmp_path))

    assert {"web.log", "worker.log", "database", "backup", "metrics"} <= seen.places.keys()
    assert len(seen.places["web.log"]) > 1000
    assert seen.found() == []


def live_through(house: House, client: httpx.Client, sessions: Sessions) -> None:
    """Enrol, answer, be answered, be called, be exported; at any hour of the day."""
    visit = client.post("/api/v1/sessions", json=a_session())
    assert visit.status_code == 201, visit.text
    write(house, WORDS)
    until(lambda: PHONE in taken(house), 40)
    with sessions.begin() as db:
        flag = db.scalars(select(Flag)).first()
        assert flag is not None
        now = datetime.now(UTC)
        own(db, flag.clinic_id, flag.id, "Kim", now)
        record_call(db, flag.clinic_id, flag.id, CallOutcome.ADVISED, NOTE, "Kim", now)
    export = client.get(f"/api/v1/patients/{visit.json()['patient_id']}/export")
    assert NAME in export.text, "or this test looks for what is not there"


def in_trouble(house: House, sessions: Sessions) -> None:
    """The provider refuses, fails and hangs up in the middle of the answers to what is written."""
    for trouble, more in (
        ("refuse", {"status": 400, "code": 21211}),
        ("take_and_fail", {"status": 500}),
        ("take_and_cut", {}),
        ("half_answer", {}),
    ):
        house.control("DELETE", "rules")
        house.control("POST", "rules", trouble=trouble, times=1, **more)
        tried = attempts(sessions)
        write(house, f"{WORDS} {trouble}")
        until(lambda tried=tried: attempts(sessions) > tried, 40)
    write(house, f"STOP {WORDS}")


def write(house: House, words: str) -> None:
    """A text comes from the patient's phone."""
    house.control("POST", "texts", phone=PHONE, clinic=CLINIC, body=words)


def taken(house: House) -> list[str]:
    """To which numbers the provider took a text."""
    return [one["recipient"] for one in house.journal() if one["event"] == "accepted"]


def attempts(sessions: Sessions) -> int:
    """How often it was tried to send something to the patient."""
    with sessions() as db:
        return sum(db.scalars(select(Message.attempts)))


def processes() -> bytes:
    """What anybody on the machine sees of ours."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout


def raw(engine: Engine, folder: Path) -> bytes:
    """The database as it lies on the disk; of PostgreSQL every row of every table as text."""
    if engine.dialect.name == "sqlite":
        path = Path(make_url(engine.url).database or "")
        return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
    with engine.connect() as connection:
        tables = connection.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).scalars()
        return "\n".join(
            str(row)
            for table in tables.all()
            for row in connection.exec_driver_sql(f'SELECT t::text FROM "{table}" t')
        ).encode()
