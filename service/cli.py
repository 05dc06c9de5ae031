"""The `aftercare` command: sets a clinic up, and says what is missing before going live."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from fastapi import FastAPI
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from service.app import (
    NoSecrets,
    NotInLive,
    Parts,
    at_speed,
    join,
    pretend_network,
    site,
    twilio_account,
)
from service.app import worker as make_worker
from service.bench import bench_app
from service.domain.triage.lines import RowError
from service.domain.values import Role
from service.pathway import administration
from service.settings import WrongSetting, read_settings, unsafe_for_live
from service.store import clinics, schema
from service.worker import Worker

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Aftercare for dry-needling clinics.",
)
clinic_app = typer.Typer(no_args_is_help=True, help="Create and list clinics.")
staff_app = typer.Typer(no_args_is_help=True, help="Create, list and disable staff.")
api_key_app = typer.Typer(no_args_is_help=True, help="Create, list and disable API keys.")
app.add_typer(clinic_app, name="clinic")
app.add_typer(staff_app, name="staff")
app.add_typer(api_key_app, name="api-key")
app.add_typer(bench_app, name="bench")

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
ClinicName = Annotated[str, typer.Option("--clinic", help="The clinic's name or id.")]


def main() -> None:
    """Run the command; what a person can mend is one line on standard error and exit code 1."""
    try:
        app()
    except (WrongSetting, NoSecrets, NotInLive, administration.NotPossible) as error:
        _fail(str(error))
    except OperationalError:
        _fail(
            "The database cannot be used. Check AFTERCARE_DATABASE_URL, and run "
            "`aftercare migrate` if it is new."
        )


@app.command()
def migrate() -> None:
    """Bring the database to the current version."""
    schema.migrate(_parts().engine)
    typer.echo("The database is at the current version.", err=True)


@app.command()
def check() -> None:
    """Say what is missing or unsafe for sending to real patients; exit 1 if anything is."""
    problems = unsafe_for_live(read_settings())
    if not problems:
        typer.echo("Nothing is missing: the configuration is ready for live use.")
        return
    typer.echo("Not ready for live use:")
    for problem in problems:
        typer.echo(f"  - {problem}")
    raise typer.Exit(1)


@app.command()
def web(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the API and the webhooks until stopped; `aftercare worker` does the sending."""
    parts = _parts()
    schema.migrate(parts.engine)
    typer.echo(f"Aftercare answers at http://{host}:{port}/api/v1 (Ctrl+C stops it).", err=True)
    _serve(site(parts, twilio_account(parts.settings)), host, port)


@app.command()
def worker() -> None:
    """Send what is due until stopped; any number may run on one database."""
    parts = _parts()
    account = twilio_account(parts.settings)
    if account is None:
        _fail("AFTERCARE_TWILIO_ACCOUNT_SID and AFTERCARE_TWILIO_AUTH_TOKEN are missing.")
    schema.migrate(parts.engine)
    running = make_worker(parts, account)
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: running.stop())
    typer.echo("The worker sends what is due (Ctrl+C stops it).", err=True)
    running.run()


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Migrate, then web and worker in one process; without a provider, the sandbox."""
    settings = read_settings()
    if settings.mode == "sandbox":
        settings = replace(settings, public_url=f"http://{host}:{port}")
    parts = join(settings)
    schema.migrate(parts.engine)
    parts = at_speed(parts)
    account = twilio_account(settings)
    if account is not None:
        _serve_and_send(site(parts, account), make_worker(parts, account), host, port)
        return
    with pretend_network(parts) as (pretend, pages):
        _welcome(parts)
        _serve_and_send(site(parts, pretend, pages), make_worker(parts, pretend), host, port)


@app.command()
def triage(
    file: Annotated[
        Path | None, typer.Argument(help="JSON lines; standard input if absent.")
    ] = None,
    *,
    evaluate: Annotated[bool, typer.Option(help="Print figures for labelled lines.")] = False,
) -> None:
    """Read replies, one JSON object a line, and write how each was read, in the same order."""
    from service.domain.triage import evaluation, lines

    with file.open(encoding="utf-8") if file else nullcontext(sys.stdin) as source:
        rows = _numbered_rows(source)
        if evaluate:
            typer.echo(json.dumps(_on_one_line(0, lambda: evaluation.evaluate(r for _, r in rows))))
            return
        for number, row in rows:
            answer = _on_one_line(number, partial(lines.answer_line, row))
            typer.echo(json.dumps(answer, ensure_ascii=False))


@clinic_app.command("create")
def clinic_create(
    name: Annotated[str, typer.Option(help="As patients know it; 20 characters fit best.")],
    time_zone: Annotated[str, typer.Option(help="As America/Chicago.")],
    phone: Annotated[str, typer.Option(help="The number patients are told to call.")] = "",
    sender: Annotated[str | None, typer.Option(help="Twilio number or MG… service.")] = None,
    email_from: Annotated[str | None, typer.Option(help="The address emails come from.")] = None,
) -> None:
    """Add a clinic; its id is printed last."""
    with _transaction() as (db, parts):
        clinic = administration.create_clinic(
            db,
            name=name,
            time_zone=time_zone,
            phone=phone,
            sender=sender,
            email_from=email_from,
            now=parts.now(),
        )
        new_id = clinic.id
    typer.echo(str(new_id))


@clinic_app.command("list")
def clinic_list() -> None:
    """One clinic a line: id, name, time zone."""
    with _transaction() as (db, _):
        for clinic in clinics.all_clinics(db):
            typer.echo(f"{clinic.id}\t{clinic.name}\t{clinic.time_zone}")


@staff_app.command("create")
def staff_create(
    clinic: ClinicName,
    email: Annotated[str, typer.Option()],
    role: Annotated[Role, typer.Option()],
    name: Annotated[str, typer.Option()] = "",
    phone: Annotated[str | None, typer.Option(help="For urgent notices, as +12815550123.")] = None,
    duty: Annotated[str | None, typer.Option(help="on_call, lead or director.")] = None,
) -> None:
    """Add a member of staff; the id is printed last."""
    with _transaction() as (db, parts):
        added = administration.create_staff(
            db,
            _clinic(db, clinic),
            email=email,
            role=role,
            name=name,
            phone=phone,
            duty=duty,
            now=parts.now(),
        )
        new_id = added.id
    typer.echo(str(new_id))


@staff_app.command("list")
def staff_list(clinic: ClinicName) -> None:
    """One member of staff a line: id, email, role, state."""
    with _transaction() as (db, _):
        for staff in clinics.staff_of(db, _clinic(db, clinic).id, active_only=False):
            state = "disabled" if staff.disabled_at else "active"
            typer.echo(f"{staff.id}\t{staff.email}\t{staff.role}\t{state}")


@staff_app.command("disable")
def staff_disable(clinic: ClinicName, staff_id: Annotated[UUID, typer.Argument()]) -> None:
    """End someone's access and notices at once."""
    with _transaction() as (db, parts):
        everyone = clinics.staff_of(db, _clinic(db, clinic).id, active_only=False)
        found = [staff for staff in everyone if staff.id == staff_id]
        if not found:
            raise administration.NotPossible("staff-id: this clinic has nobody with that id.")
        administration.disable(db, found[0], parts.now())


@api_key_app.command("create")
def api_key_create(
    clinic: ClinicName,
    name: Annotated[str, typer.Option(help="What uses it, as `front desk`.")] = "api",
) -> None:
    """Add an API key; it is printed once, alone on the last line."""
    with _transaction() as (db, parts):
        _, token = administration.create_api_key(
            db, _clinic(db, clinic), name=name, now=parts.now()
        )
    typer.echo("Keep this key: it is not shown again.", err=True)
    typer.echo(token)


@api_key_app.command("list")
def api_key_list(clinic: ClinicName) -> None:
    """One key a line: id, its first characters, name, state."""
    with _transaction() as (db, _):
        for key in clinics.api_keys_of(db, _clinic(db, clinic).id):
            state = "disabled" if key.disabled_at else "active"
            typer.echo(f"{key.id}\t{key.hint}…\t{key.name}\t{state}")


@api_key_app.command("disable")
def api_key_disable(clinic: ClinicName, key_id: Annotated[UUID, typer.Argument()]) -> None:
    """End a key's access at once."""
    with _transaction() as (db, parts):
        found = [key for key in clinics.api_keys_of(db, _clinic(db, clinic).id) if key.id == key_id]
        if not found:
            raise administration.NotPossible("key-id: this clinic has no key with that id.")
        administration.disable(db, found[0], parts.now())


def _on_one_line(number: int, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `read` returns; a row that is no reply is one line for a person to mend."""
    try:
        return read()
    except RowError as error:
        _fail(f"line {number}: {error}." if number else f"A line is not a reply: {error}.")


def _numbered_rows(source: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            _fail(f"line {number}: is not JSON.")
        if not isinstance(row, dict):
            _fail(f"line {number}: is not a JSON object.")
        yield number, row


def _serve(application: FastAPI, host: str, port: int) -> None:
    import uvicorn

    # The access log would hold the tokens of patients' links.
    uvicorn.run(application, host=host, port=port, access_log=False, log_level="warning")


def _serve_and_send(application: FastAPI, running: Worker, host: str, port: int) -> None:
    thread = threading.Thread(target=running.run, name="worker")
    thread.start()
    try:
        _serve(application, host, port)
    finally:
        running.stop()
        thread.join()


def _welcome(parts: Parts) -> None:
    """Say where to look; with an empty database make a sample clinic and show its key, once."""
    typer.echo(f"Pretend phones and mailboxes: {parts.settings.public_url}/sandbox", err=True)
    typer.echo(f"API:                          {parts.settings.public_url}/api/v1", err=True)
    with parts.sessions.begin() as db:
        if clinics.all_clinics(db):
            return
        clinic = administration.create_clinic(
            db,
            name="Bayou Needling",
            time_zone="America/Chicago",
            phone="281-555-0100",
            sender="+12815550100",
            now=parts.now(),
        )
        _, token = administration.create_api_key(db, clinic, name="sandbox", now=parts.now())
    typer.echo("A sample clinic, Bayou Needling, was made. Its API key, shown once:", err=True)
    typer.echo(token)


def _parts() -> Parts:
    return join(read_settings())


@contextmanager
def _transaction() -> Iterator[tuple[Session, Parts]]:
    parts = _parts()
    try:
        with parts.sessions.begin() as db:
            yield db, parts
    except IntegrityError as error:
        raise administration.NotPossible("There is one like that already.") from error
    finally:
        parts.engine.dispose()


def _clinic(db: Session, name: str) -> clinics.Clinic:
    found = clinics.clinic_by_name(db, name)
    if found is None:
        raise administration.NotPossible(f"clinic: there is no clinic {name!r}.")
    return found


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    sys.exit(1)
