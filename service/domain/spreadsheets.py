"""Tables as files that a spreadsheet opens: what is written in a cell is never run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

Cell = str | int | float | None

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Also in their wide forms, which spreadsheets in East Asian languages read the same way."""


def as_csv(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as the text of a CSV file (RFC 4180), with the mark that tells Excel it is UTF-8.

    Words that a spreadsheet would take for a formula get an apostrophe before them; numbers, also
    negative ones, stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return "\ufeff" + text.getvalue()


def _harmless(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_BEGINS_A_FORMULA):
        return f"'{cell}"
    return cell
