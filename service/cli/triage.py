"""The command that reads replies from a file, as they would be read from a patient."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.opening import fail
from service.domain.triage import evaluation, lines
from service.domain.triage.lines import RowError


def triage(
    file: Annotated[
        Path | None, typer.Argument(help="JSON lines; standard input if absent.")
    ] = None,
    *,
    evaluate: Annotated[bool, typer.Option(help="Print figures for labelled lines.")] = False,
) -> None:
    """Read replies, one JSON object a line, and write how each was read, in the same order."""
    with file.open(encoding="utf-8") if file else nullcontext(sys.stdin) as source:
        rows = _numbered_rows(source)
        if evaluate:
            typer.echo(json.dumps(_on_one_line(0, lambda: evaluation.evaluate(r for _, r in rows))))
            return
        for number, row in rows:
            answer = _on_one_line(number, partial(lines.answer_line, row))
            typer.echo(json.dumps(answer, ensure_ascii=False))


def _on_one_line(number: int, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `read` returns; a row that is no reply is one line for a person to mend."""
    try:
        return read()
    except RowError as error:
        fail(f"line {number}: {error}." if number else f"A line is not a reply: {error}.")


def _numbered_rows(source: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            fail(f"line {number}: is not JSON.")
        if not isinstance(row, dict):
            fail(f"line {number}: is not a JSON object.")
        yield number, row
