"""The command that reads replies from a file, as they would be read from a patient."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from service.cli.opening import fail
from service.domain.triage import Rules, RulesError, evaluation, lines, load_rules
from service.domain.triage.lines import RowError

_T = TypeVar("_T")


def triage(
    file: Annotated[
        Path | None,
        typer.Argument(help="JSON lines; standard input if absent.", exists=True, dir_okay=False),
    ] = None,
    *,
    evaluate: Annotated[bool, typer.Option(help="Print figures for labelled lines.")] = False,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="OLD NEW",
            help="Print the replies that two versions of the rules read differently; each is a "
            "folder of cue files, `current`, or the current version's name.",
        ),
    ] = None,
) -> None:
    """Read replies, one JSON object a line, and write how each was read, in the same order."""
    if evaluate and compare:
        fail("Use either --evaluate or --compare.")
    with file.open(encoding="utf-8") if file else nullcontext(sys.stdin) as source:
        rows = _numbered_rows(source)
        if compare:
            _compare(rows, *compare)
        elif evaluate:
            typer.echo(json.dumps(_on_one_line(0, lambda: evaluation.evaluate(r for _, r in rows))))
        else:
            for number, row in rows:
                answer = _on_one_line(number, partial(lines.answer_line, row))
                typer.echo(json.dumps(answer, ensure_ascii=False))


def _compare(rows: Iterable[tuple[int, dict[str, Any]]], old_name: str, new_name: str) -> None:
    """Write each reply that is read differently as a line, and their number on standard error."""
    old, new = _rules_called(old_name), _rules_called(new_name)
    read, changes = 0, []
    for number, row in rows:
        read += 1
        for change in _on_one_line(number, partial(lines.differences, [row], old, new)):
            typer.echo(json.dumps(change, ensure_ascii=False))
            changes.append(change)
    moves = Counter(lines.move_of(change) for change in changes)
    typer.echo(
        f"{old.version} to {new.version}: {read} replies, {len(changes)} read differently "
        f"({moves['up']} more urgent, {moves['down']} less urgent, {moves['same']} at one level).",
        err=True,
    )


def _rules_called(name: str) -> Rules:
    """Return the rules of that version or folder; what cannot be used is one line to mend."""
    current = load_rules()
    if name in ("current", current.version):
        return current
    if not Path(name).is_dir():
        fail(
            f"{name}: there are no such rules. Give a folder of cue files, or `current` for "
            f"{current.version}."
        )
    try:
        return load_rules(Path(name))
    except RulesError as error:
        fail(f"{name}: these are no rules: {error}.")


def _on_one_line(number: int, read: Callable[[], _T]) -> _T:
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
