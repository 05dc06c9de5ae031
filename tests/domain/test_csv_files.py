"""A clinic's file is read however its spreadsheet wrote it, or the clinic is told what to do."""

from __future__ import annotations

import pytest

from service.domain.csv_files import NotATable, read_rows, text_of

LINES = 'first_name,note\nZoë,"a, b"\n\nAna,"two\nlines"\n'
READ = [(1, ("first_name", "note")), (2, ("Zoë", "a, b")), (4, ("Ana", "two\nlines"))]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LINES.encode(), id="UTF-8"),
        pytest.param(LINES.encode("utf-8-sig"), id="UTF-8 as Excel marks it"),
        pytest.param(LINES.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xfe\xff" + LINES.encode("utf-16-be"), id="UTF-16, big end first"),
        pytest.param(LINES.encode("cp1252"), id="Windows"),
        pytest.param(LINES.replace("\n", "\r\n").replace("two\r", "two").encode(), id="CRLF"),
        pytest.param(LINES.replace(",", ";").replace("a; b", "a, b").encode(), id="semicolons"),
        pytest.param(LINES.replace(",", "\t").replace("a\t b", "a, b").encode(), id="tabs"),
        pytest.param(b"sep=,\n" + LINES.encode(), id="separator named"),
    ],
)
def test_rows_are_read_with_the_numbers_that_the_spreadsheet_shows(data):
    assert [(row.number, row.cells) for row in read_rows(text_of(data), 10)] == READ


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"PK\x03\x04....", "is a workbook", id="xlsx"),
        pytest.param("a,b\n".encode("utf-16-le"), "cannot be read", id="UTF-16 without a mark"),
        pytest.param(b"a\x81b", "cannot be read", id="no letters"),
        pytest.param(b'a,b\n1,2\n3,"4\n', "After row 2 a quotation mark", id="open quotes"),
        pytest.param(b"a\n" + b"1\n" * 11, "more than 10 rows", id="too many rows"),
    ],
)
def test_a_file_that_will_not_do_is_told_how_it_would(data, told):
    with pytest.raises(NotATable, match=told):
        read_rows(text_of(data), 10)


def test_an_apostrophe_that_kept_a_number_from_running_is_taken_off():
    assert read_rows("phone\n'+12815550123\n'tis\n", 10)[1].cells == ("+12815550123",)
    assert read_rows("phone\n'tis\n", 10)[1].cells == ("'tis",)
