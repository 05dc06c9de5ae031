"""What the service costs, measured side by side; each benchmark prints JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

bench_app = typer.Typer(no_args_is_help=True, help="The project's own benchmarks, as JSON.")

DatabaseUrl = Annotated[
    str | None, typer.Option(help="An empty database; a new SQLite file if absent.")
]


@bench_app.callback()
def bench() -> None:
    """Measure on this machine."""


@bench_app.command("dispatch")
def dispatch_command(
    messages: Annotated[int, typer.Option(min=1)] = 5000,
    latency_ms: Annotated[float, typer.Option(min=0, help="The provider's answer time.")] = 0.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share 100 slots.")] = 1,
    database_url: DatabaseUrl = None,
) -> None:
    """Send messages through the database, beside the same HTTP client without one."""
    from service.bench.dispatch import run

    _print(
        run(
            messages=messages,
            latency=latency_ms / 1000,
            workers=workers,
            database_url=database_url,
        )
    )


@bench_app.command("lateness")
def lateness_command(
    messages: Annotated[int, typer.Option(min=10)] = 1000,
    rate: Annotated[float, typer.Option(min=1, help="Messages due a second.")] = 100.0,
    database_url: DatabaseUrl = None,
) -> None:
    """Plan messages at a steady rate and say how late each is handed over."""
    from service.bench.lateness import run

    _print(run(messages=messages, rate=rate, database_url=database_url))


@bench_app.command("claim")
def claim_command(
    future_rows: Annotated[int, typer.Option(min=0)] = 10_000,
    database_url: DatabaseUrl = None,
) -> None:
    """Claim, and look in vain, with so many messages planned for later."""
    from service.bench.claim import run

    _print(run(future_rows=future_rows, database_url=database_url))


@bench_app.command("enrol")
def enrol_command(
    enrolments: Annotated[int, typer.Option(min=1)] = 1000,
    in_flight: Annotated[int, typer.Option(min=1)] = 16,
    database_url: DatabaseUrl = None,
) -> None:
    """Enrol patients at one web process, over HTTP."""
    from service.bench.enrol import run

    _print(run(enrolments=enrolments, in_flight=in_flight, database_url=database_url))


@bench_app.command("inbound")
def inbound_command(
    replies: Annotated[int, typer.Option(min=1)] = 2000,
    in_flight: Annotated[int, typer.Option(min=1)] = 16,
    database_url: DatabaseUrl = None,
) -> None:
    """Post signed replies to one web process, beside a handler that only reads the body."""
    from service.bench.inbound import run

    _print(run(replies=replies, in_flight=in_flight, database_url=database_url))


@bench_app.command("calls")
def calls_command(
    flags: Annotated[int, typer.Option(min=1, help="Calls that are to be made.")] = 500,
    sessions: Annotated[int, typer.Option(min=0, help="Visits of the years before.")] = 100_000,
    database_url: DatabaseUrl = None,
) -> None:
    """Draw the call list at one web process, and say how long that takes."""
    from service.bench.calls import run

    _print(run(flags=flags, sessions=sessions, database_url=database_url))


@bench_app.command("soak")
def soak_command(
    minutes: Annotated[float, typer.Option(min=0.1)] = 60.0,
    sends: Annotated[float, typer.Option(min=0.1, help="Texts due a second.")] = 50.0,
    replies: Annotated[float, typer.Option(min=0.1, help="Replies a second.")] = 20.0,
    planned: Annotated[int, typer.Option(min=0, help="Texts planned for later.")] = 100_000,
    patients: Annotated[int, typer.Option(min=1, help="Who answer, in turn.")] = 4_000,
    every: Annotated[float, typer.Option(min=1, help="Seconds between samples.")] = 15.0,
    picture: Annotated[Path | None, typer.Option(help="An SVG to draw the run in.")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Send and answer at a large group's rate for an hour: lateness, memory, files."""
    from service.bench.soak import Load, run
    from service.bench.soak_picture import drawn

    load = Load(minutes, sends, replies, planned, patients, every)
    figures = run(load, database_url=database_url)
    if picture is not None:
        picture.write_text(drawn(figures["samples"]))
    _print(figures)


def _print(figures: dict[str, object]) -> None:
    typer.echo(json.dumps(figures))
