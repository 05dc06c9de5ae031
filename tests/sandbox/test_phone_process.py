"""The pretend phone network as a process of its own, as benchmarks and several workers use it."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from service.sandbox.journal import read_journal
from service.sandbox.phone_network import SANDBOX_ACCOUNT, SANDBOX_TOKEN
from tests.sandbox.clinic import ANA, CLINIC


@pytest.mark.slow
def test_a_network_of_its_own_takes_texts_in_clinic_time_and_stops_politely(tmp_path: Path):
    journal = tmp_path / "phones.jsonl"
    a_day_ago = datetime.now(UTC) - timedelta(days=1)
    command = [sys.executable, "-m", "service.sandbox.phone_network", "--port", "0"]
    options = [
        "--journal",
        journal,
        "--anchor",
        a_day_ago.isoformat(),
        "--speed",
        "3",
        "--step",
        "0",
    ]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        client = Client(SANDBOX_ACCOUNT, SANDBOX_TOKEN, http_client=TwilioHttpClient(timeout=10))
        client.api.base_url = process.stdout.readline().strip()

        sent = client.messages.create(to=ANA, from_=CLINIC, body="Hello")

        client.http_client.session.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    # Three days of clinic time have passed in one real day.
    ahead = sent.date_created - datetime.now(UTC)
    assert timedelta(days=1.9) < ahead < timedelta(days=2.1)
    assert next(read_journal(journal))["body"] == "Hello"
