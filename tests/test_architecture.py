"""The walk stays straight: layers, sizes and names that a newcomer can rely on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "service").rglob("*.py"))


def test_calls_go_down_the_walk_never_up():
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_what_it_knows_and_can_be_read_whole(path: Path):
    source = path.read_text()

    assert ast.get_docstring(ast.parse(source))
    assert len(source.splitlines()) <= 350


def test_only_the_clock_reads_the_clock():
    offenders = [
        path.name
        for path in MODULES
        if path.name != "clock.py"
        and any(call in path.read_text() for call in ("datetime.now(", "datetime.utcnow("))
    ]

    assert offenders == []
