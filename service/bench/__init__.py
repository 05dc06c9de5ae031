"""What the service costs, measured side by side; each benchmark prints JSON."""

from __future__ import annotations

import json
from typing import Annotated

import typer

bench_app = typer.Typer(no_args_is_help=True, help="The project's own benchmarks, as JSON.")


@bench_app.callback()
def bench() -> None:
    """Measure on this machine."""


@bench_app.command("dispatch")
def dispatch_command(
    messages: Annotated[int, typer.Option(min=1)] = 5000,
    latency_ms: Annotated[float, typer.Option(min=0, help="The provider's answer time.")] = 0.0,
    database_url: Annotated[str | None, typer.Option(help="Empty; else a new SQLite file.")] = None,
) -> None:
    """Send messages through the database, beside the same HTTP client without one."""
    from service.bench.dispatch import run

    figures = run(messages=messages, latency=latency_ms / 1000, database_url=database_url)
    typer.echo(json.dumps(figures))
