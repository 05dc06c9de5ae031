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
    """A sixth of the rows, by their id: no cue was written from them."""
    digest = sha256(row["id"].encode()).digest()
    return digest[0] % 3 == 0 and digest[1] % 2 == 0
