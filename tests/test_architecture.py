"""The walk stays straight: layers, sizes and names that a newcomer can rely on."""

import ast
import subprocess
import sys
from pathlib import Path

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


def test_every_module_opens_with_what_it_knows_and_can_be_read_whole():
    sources = {str(path.relative_to(ROOT)): path.read_text() for path in MODULES}

    assert [name for name, text in sources.items() if not ast.get_docstring(ast.parse(text))] == []
    assert [name for name, text in sources.items() if len(text.splitlines()) > 350] == []


def test_a_column_knows_its_type_before_the_table_it_refers_to_is_imported():
    """Statements are built on import: a type found later would leave their values unconverted."""
    untyped = [path.name for path in MODULES if "mapped_column(ForeignKey(" in path.read_text()]

    assert untyped == []


def test_only_the_clock_reads_the_clock():
    offenders = [
        path.name
        for path in MODULES
        if path.name != "clock.py"
        and any(call in path.read_text() for call in ("datetime.now(", "datetime.utcnow("))
    ]

    assert offenders == []
