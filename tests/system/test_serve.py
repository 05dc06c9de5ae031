"""The real process as a newcomer starts it: serve, enrol, read the phone, answer, see the flag."""

import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

ANA = "+12815550123"


def until(condition, seconds: float = 20.0):
    """Return what `condition` returns once it is true; fail when it does not become so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail("it did not happen in time")


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serving(tmp_path: Path, port: int):
    """`aftercare serve` in an empty folder, with nothing configured; yields its API key."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", str(port)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    ended = process.wait(timeout=20)
    process.stdout.close()
    assert ended in (0, -15)


def test_a_newcomer_sees_the_whole_loop(serving: str, port: int):
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {serving}"}
    ) as client:

        def is_up() -> bool:
            try:
                return client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        until(is_up)
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
        answered = client.post(
            "/sandbox/phones",
            data={"number": ANA, "clinic": "+12815550100", "body": "i cant breathe"},
            headers={"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
        )
        assert answered.status_code in (200, 303)

        [flag] = until(lambda: client.get("/api/v1/flags").json())
        assert flag["level"] == "emergency"
        page = until(
            lambda: (
                "This could be an emergency" in client.get("/sandbox").text
                and client.get("/sandbox").text
            )
        )
        assert len(re.findall("This could be an emergency", page)) == 1
