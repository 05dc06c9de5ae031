"""The documents name tests and decisions as evidence: each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`((?:tests|docs|service|secrets|migrations|templates)/[\w./-]+)`")
LINKED = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_document_points_at_is_there(page):
    words = page.read_text()
    paths = [ROOT / name for name in NAMED.findall(words)]
    paths += [page.parent / name for name in LINKED.findall(words)]

    assert [str(path.relative_to(ROOT)) for path in paths if not path.exists()] == []


def test_every_requirement_of_the_checklist_is_answered_once():
    rows = (ROOT / "docs" / "security-checklist.md").read_text().split("\n## ")[1:]
    named = re.findall(r"^\| ([\d., ]+) \|", "\n".join(rows), re.MULTILINE)
    numbers = [number for cell in named for number in cell.split(", ")]

    assert len(numbers) == len(set(numbers)) == 253
