"""The real process as a newcomer starts it: serve, enrol, read the phone, answer, see the flag."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from service.sandbox.journal import read_journal
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.secrets import Vault
from tests.ports import free_port
from tests.system.house import until
from tests.system.story import ANA, SPEED, Clinic, play_four_days, start_the_clock

pytestmark = pytest.mark.slow
CLINIC = "+12815550100"


@contextmanager
def serving(folder: Path, port: int, **settings: str) -> Iterator[str]:
    """`aftercare serve` in `folder`, with nothing else configured; yields its API key."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", str(port)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        ended = process.wait(timeout=30)
        process.stdout.close()
    assert ended in (0, -15)


def is_up(client: httpx.Client) -> bool:
    """Is it able to work?"""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def text_from(client: httpx.Client, phone: str, body: str) -> None:
    """Write on a pretend phone, as the sandbox's page does."""
    answered = client.post(
        "/sandbox/phones",
        data={"number": phone, "clinic": CLINIC, "body": body},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answered.status_code in (200, 303)


def test_a_newcomer_sees_the_whole_loop(tmp_path: Path):
    port = free_port()
    with (
        serving(tmp_path, port) as key,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}
        ) as client,
    ):
        until(lambda: is_up(client))
        enrolled = client.post(
            "/api/v1/sessions",
            json={
                "ended_at": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
                "regions": ["calf_foot"],
                "patient": {"first_name": "Ana", "phone": ANA, "consent": {"sms": True}},
            },
        )
        assert enrolled.status_code == 201

        # A patient can write at any hour; the answer does not wait for the morning.
        text_from(client, ANA, "i cant breathe")

        [flag] = until(lambda: client.get("/api/v1/flags").json())
        assert flag["level"] == "emergency"
        page = until(
            lambda: (
                "This could be an emergency" in client.get("/sandbox").text
                and client.get("/sandbox").text
            )
        )
        assert len(re.findall("This could be an emergency", page)) == 1


@pytest.fixture
def sessions(tmp_path: Path, sqlite_template: Path, vault: Vault) -> Iterator[Sessions]:
    """The database that a process started in this folder opens by itself."""
    path = tmp_path / "aftercare.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_engine(f"sqlite:///{path}", vault)
    yield open_sessions(engine)
    engine.dispose()


@pytest.mark.long
def test_four_days_in_one_process(sessions: Sessions, tmp_path: Path):
    port = free_port()
    clinic_now = start_the_clock(sessions, starting_up=5)
    with (
        serving(tmp_path, port, AFTERCARE_SPEED=str(SPEED)) as key,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        ) as client,
    ):
        until(lambda: is_up(client), 40)
        clinic = Clinic(
            client,
            lambda phone, body: text_from(client, phone, body),
            lambda: list(read_journal(tmp_path / "aftercare.phones.jsonl")),
        )

        play_four_days(clinic, clinic_now, sessions)
