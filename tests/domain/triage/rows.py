"""The labelled replies the project develops and measures with."""

import json
from hashlib import sha256
from pathlib import Path

DATA = Path(__file__).parent / "data"


def labelled_rows() -> list[dict]:
    """Every labelled reply, in the order of its files."""
    return [
        json.loads(line)
        for path in sorted(DATA.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def held_back(row: dict) -> bool:
    """A third of the rows, by their id: the cues were not written from them."""
    return sha256(row["id"].encode()).digest()[0] % 3 == 0
