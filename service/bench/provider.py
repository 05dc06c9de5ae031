"""The pretend phone network as a process of its own, so that it costs the measured one nothing."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.gateways.twilio_sms import TwilioAccount
from service.sandbox.journal import read_journal
from service.sandbox.phone_network import SANDBOX_ACCOUNT, SANDBOX_TOKEN


@dataclass(frozen=True)
class Provider:
    """Where it listens, and the journal of all that it accepted."""

    account: TwilioAccount
    journal: Path

    def accepted_by_phone(self) -> Counter[str]:
        """How many texts it accepted for each phone."""
        return Counter(
            entry["recipient"]
            for entry in read_journal(self.journal)
            if entry["event"] == "accepted"
        )

    def accepted_by_message(self) -> Counter[str]:
        """How many texts it accepted for each of our messages, by the address of its receipts."""
        return Counter(
            entry["callback_url"]
            for entry in read_journal(self.journal)
            if entry["event"] == "accepted"
        )


@contextmanager
def provider_process(
    folder: Path, latency: float, *, calls_back: bool = False
) -> Iterator[Provider]:
    """Run the stand-in; it answers each send after `latency` seconds.

    With `calls_back` it reports each text as sent and as delivered, as a real one does.
    """
    journal = folder / "provider.jsonl"
    command = [sys.executable, "-m", "service.sandbox.phone_network", "--port", "0"]
    command += [] if calls_back else ["--undelivered"]
    command += ["--latency", str(latency), "--journal", str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        if process.stdout is None:
            raise RuntimeError("the stand-in has no output to read its address from")
        url = process.stdout.readline().strip()
        try:
            yield Provider(TwilioAccount(SANDBOX_ACCOUNT, SANDBOX_TOKEN, url), journal)
        finally:
            process.terminate()
            process.wait()
