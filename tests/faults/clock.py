"""One clock for all processes of a trial: it runs as fast as the real one, and can be moved on."""

from __future__ import annotations

import mmap
import struct
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.make import NOON

_OFFSET = struct.Struct("d")


class SharedClock:
    """Shows `NOON` when its file is new; whoever opens the same file sees the same time.

    Also the time of the machine itself, from some moment on: a frozen process sees, when it goes
    on, that time has passed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_OFFSET.pack(-time.monotonic()))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _OFFSET.size)

    def monotonic(self) -> float:
        """Seconds since the trial began, for all processes alike."""
        return time.monotonic() + float(_OFFSET.unpack(self._shared[:])[0])

    def now(self) -> datetime:
        """The moment, aware UTC."""
        return NOON + timedelta(seconds=self.monotonic())

    def move(self, by: timedelta) -> None:
        """Let time pass, for everybody."""
        (offset,) = _OFFSET.unpack(self._shared[:])
        self._shared[:] = _OFFSET.pack(offset + by.total_seconds())

    def move_to(self, moment: datetime) -> None:
        """Let time pass until `moment`; a moment that has passed changes nothing."""
        self.move(max(timedelta(0), moment - self.now()))
