"""What the pretend providers write down of everything they saw, one JSON object a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Journal:
    """An append-only file of JSON lines; each line is with the system before the answer leaves.

    With `durable` it is on the disk as well, which only matters when the machine itself may die.
    """

    def __init__(self, path: Path | None, *, durable: bool = False) -> None:
        self._durable = durable
        self._file: int | None = None
        if path is not None:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, entry: Entry) -> None:
        """Append one entry."""
        if self._file is None:
            return
        os.write(self._file, f"{_encode(entry)}\n".encode())
        if self._durable:
            os.fsync(self._file)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_journal(path: Path) -> Iterator[Entry]:
    """Yield what was written, oldest first; a line cut short by a crash ends the story."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                return
            yield json.loads(line)
