"""The labelled replies the project develops and measures with."""

import json
from hashlib import sha256
from pathlib import Path

DATA = Path(__file__).parent / "data"
_DEVELOPMENT = ("replies.jsonl", "variety_en.jsonl", "variety_es.jsonl")


def labelled_rows() -> list[dict]:
    """Every labelled reply the cues were developed with, and those held back from it."""
    return [row for name in _DEVELOPMENT for row in _rows(DATA / name)]


def authors_rows() -> list[dict]:
    """Replies written by independent hands, measured before anything was learnt from them."""
    return [row for name in author_files() for row in _rows(DATA / f"{name}.jsonl")]


def author_files() -> list[str]:
    """The names of the files written by independent hands, without their ending."""
    return sorted(
        path.stem for path in DATA.glob("*.jsonl") if path.stem.startswith(("fresh_", "dev_"))
    )


def learnt_rows(left_out: str = "") -> list[dict]:
    """Every labelled row that weights are learnt from, but for one author's file."""
    rows = [row for row in labelled_rows() if not held_back(row)] + _rows(DATA / "families.jsonl")
    for name in author_files():
        if name != left_out:
            rows += _rows(DATA / f"{name}.jsonl")
    return rows


def _rows(path: Path) -> list[dict]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def held_back(row: dict) -> bool:
    """A sixth of the rows, by their id: no weight is learnt from them.

    Cues no longer ignore them: their misreadings were looked at.
    """
    digest = sha256(row["id"].encode()).digest()
    return digest[0] % 3 == 0 and digest[1] % 2 == 0
