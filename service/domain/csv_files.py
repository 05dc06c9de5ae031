"""A table as spreadsheets save it, or as it is pasted from one: bytes become rows of words."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx, .ods and .xls files begin."""
_UNREADABLE = "Its letters cannot be read. Save the file as “CSV UTF-8”, and choose that."
_SEPARATORS = (",", ";", "\t")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_DEFUSED = ("'=", "'+", "'-", "'@")
"""An apostrophe that kept a spreadsheet from running a cell: ours have it as well."""


class NotATable(ValueError):
    """There are no rows to be had from it; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One row by the number that a spreadsheet shows beside it, its cells without outer spaces."""

    number: int
    cells: tuple[str, ...]


def text_of(data: bytes) -> str:
    """Return a file's text, in whichever of the usual ways it was written; raises `NotATable`."""
    if data.startswith(_WORKBOOKS):
        raise NotATable("This is a workbook. Save it as CSV in the spreadsheet, and choose that.")
    marked = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise NotATable(_UNREADABLE)


def read_rows(text: str, most: int) -> list[Row]:
    """Return the rows that are not empty, the headings first; raises `NotATable`.

    What separates the cells is read from the first row. At most `most` rows beside the headings.
    """
    if "\0" in text:
        raise NotATable(_UNREADABLE)
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    if lines and lines[0].strip().casefold() in [f"sep={one}".strip() for one in _SEPARATORS]:
        # Written for Excel, which does not show it.
        del lines[0]
    first = next((line for line in lines if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator, strict=True)
    rows: list[Row] = []
    try:
        for number, cells in enumerate(reader, start=1):
            row = Row(number, tuple(_tidy(cell) for cell in cells))
            if any(row.cells):
                rows.append(row)
            if len(rows) > most + 1:
                raise NotATable(f"There are more than {most} rows. Take them in several files.")
    except csv.Error:
        raise NotATable(
            f"After row {rows[-1].number if rows else 0} a quotation mark is not closed, or stands "
            "in the middle of a cell. Put quotation marks around the whole cell, or take them out."
        ) from None
    return rows


def _tidy(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith(_DEFUSED) else cell
