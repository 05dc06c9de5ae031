"""The real processes of one clinic, as they run on a server, and the pretend provider's journal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from service.sandbox.journal import Entry, read_journal
from service.sandbox.phone_network import SANDBOX_ACCOUNT, SANDBOX_TOKEN
from tests.conftest import SECRET
from tests.ports import free_port

T = TypeVar("T")
_ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], T], seconds: float = 20.0, look_every: float = 0.1) -> T:
    """Return what `condition` returns once it is true; fail when it does not become so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(look_every)
    pytest.fail("it did not happen in time")


class House:
    """Starts `aftercare` processes that share one database and one pretend provider.

    Whatever still runs is killed by `close`; each process writes its log beside the journal.
    """

    def __init__(self, database_url: str, folder: Path, speed: float = 1) -> None:
        self.speed = speed
        self.folder = folder
        self._database_url = database_url
        self._web, self._phones = free_port(), free_port()
        self.public_url = f"http://127.0.0.1:{self._web}"
        self._running: list[subprocess.Popen[bytes]] = []

    def sandbox(self) -> subprocess.Popen[bytes]:
        """Start the pretend phones, and wait until they can be reached."""
        ports = ["--phones-port", str(self._phones), "--mail-port", "0"]
        ports += ["--port", str(free_port())]
        process = self._start("sandbox", *ports, "--folder", str(self.folder))
        self._wait_for(process, self._phones)
        return process

    def web(self) -> subprocess.Popen[bytes]:
        """Start the API and the webhooks, and wait until they can be reached."""
        process = self._start("web", "--port", str(self._web))
        self._wait_for(process, self._web)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker, and do not wait."""
        return self._start("worker")

    def run(self, *command: str) -> str:
        """Run a command to its end; return the last line that it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "service", *command],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip().splitlines()[-1]

    def control(self, method: str, path: str, **given: Any) -> Any:
        """Turn one of the pretend network's knobs (`service/sandbox/phone_control.py`)."""
        answer = httpx.request(
            method,
            f"http://127.0.0.1:{self._phones}/control/{path}",
            json=given,
            auth=(SANDBOX_ACCOUNT, SANDBOX_TOKEN),
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def journal(self) -> list[Entry]:
        """Return all that the provider wrote down, oldest first."""
        return list(read_journal(self.journal_path))

    @property
    def journal_path(self) -> Path:
        """Where the provider writes."""
        return self.folder / "sandbox.phones.jsonl"

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """Ask a process to stop, and return how it ended."""
        process.terminate()
        return process.wait(timeout=30)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process as a power cut would."""
        process.kill()
        process.wait()

    def close(self) -> None:
        """Kill whatever still runs, also what is frozen."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                self.kill(process)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "service", *command],
                env=self._environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self._running.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "AFTERCARE_DATABASE_URL": self._database_url,
            "AFTERCARE_SECRET_KEYS": SECRET,
            "AFTERCARE_PUBLIC_URL": self.public_url,
            "AFTERCARE_SPEED": str(self.speed),
            "AFTERCARE_TWILIO_API_URL": f"http://127.0.0.1:{self._phones}",
            "AFTERCARE_TWILIO_ACCOUNT_SID": SANDBOX_ACCOUNT,
            "AFTERCARE_TWILIO_AUTH_TOKEN": SANDBOX_TOKEN,
        }

    def _wait_for(self, process: subprocess.Popen[bytes], port: int) -> None:
        def answers() -> bool:
            assert process.poll() is None, f"it ended: {process.args}"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                return False
            return True

        until(answers, 40)
