"""Commands that run the service, and make its database ready."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.checking import refuse_unsafe
from service.cli.opening import bring_up_to_date, fail, open_parts
from service.parts import Parts, at_speed, join, refuse_live
from service.pathway.first_start import is_set_up, set_up_code
from service.settings import read_settings
from service.store.pause import WHY, pause_of

if TYPE_CHECKING:
    from fastapi import FastAPI

    from service.worker import Worker

_SECONDS_TO_FINISH = 5
"""For requests that are being answered when the service is stopped."""

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]


def migrate() -> None:
    """Bring the database to the current version."""
    bring_up_to_date(open_parts())
    typer.echo("The database is at the current version.", err=True)


def web(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Serve the API and the webhooks until stopped; `aftercare worker` does the sending."""
    from service.app import site, twilio_account

    parts = open_parts()
    refuse_unsafe(parts.settings)
    bring_up_to_date(parts)
    parts = at_speed(parts)
    typer.echo(f"Aftercare answers at http://{host}:{port}/api/v1 (Ctrl+C stops it).", err=True)
    _how_to_begin(parts)
    _serve(site(parts, twilio_account(parts.settings)), host, port)


def worker() -> None:
    """Send what is due until stopped; any number may run on one database."""
    from service.app import twilio_account
    from service.app import worker as make_worker

    parts = open_parts()
    refuse_unsafe(parts.settings)
    account = twilio_account(parts.settings)
    if account is None:
        fail("AFTERCARE_TWILIO_ACCOUNT_SID and AFTERCARE_TWILIO_AUTH_TOKEN are missing.")
    bring_up_to_date(parts)
    running = make_worker(at_speed(parts), account)
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: running.stop())
    typer.echo("The worker sends what is due (Ctrl+C stops it).", err=True)
    _say_if_paused(parts)
    running.run()


def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Migrate, then web and worker in one process; without a provider, the sandbox."""
    from service.app import pretend_network, site, twilio_account
    from service.app import worker as make_worker

    settings = read_settings()
    refuse_unsafe(settings)
    if settings.mode == "sandbox":
        settings = replace(settings, public_url=f"http://{host}:{port}")
    parts = join(settings)
    bring_up_to_date(parts)
    parts = at_speed(parts)
    _say_if_paused(parts)
    account = twilio_account(settings)
    if account is not None:
        _how_to_begin(parts)
        _serve_and_send(site(parts, account), make_worker(parts, account), host, port)
        return
    with pretend_network(parts) as (parts, pretend, pages):
        _welcome(parts)
        _serve_and_send(site(parts, pretend, pages), make_worker(parts, pretend), host, port)


def sandbox(
    host: Host = "127.0.0.1",
    port: Port = 8010,
    phones_port: Annotated[int, typer.Option(help="For AFTERCARE_TWILIO_API_URL.")] = 4010,
    mail_port: Annotated[int, typer.Option(help="For AFTERCARE_SMTP_URL.")] = 4025,
    folder: Annotated[Path | None, typer.Option(help="Where texts and emails are kept.")] = None,
) -> None:
    """Pretend phones and mailboxes with their pages, for `aftercare web` and workers elsewhere."""
    from service.app import PretendPlaces, pretend_network, pretend_site

    parts = open_parts()
    refuse_live(parts.settings)
    bring_up_to_date(parts)
    places = PretendPlaces(host, phones_port, mail_port, folder)
    with pretend_network(at_speed(parts), places) as (parts, pretend, pages):
        typer.echo(f"Pretend phones and mailboxes: http://{host}:{port}/sandbox", err=True)
        typer.echo("`aftercare web` and `aftercare worker` reach them with:", err=True)
        typer.echo(f"AFTERCARE_TWILIO_API_URL={pretend.api_url}")
        typer.echo(f"AFTERCARE_TWILIO_ACCOUNT_SID={pretend.sid}")
        typer.echo(f"AFTERCARE_TWILIO_AUTH_TOKEN={pretend.auth_token}")
        typer.echo(f"AFTERCARE_SMTP_URL={parts.settings.smtp_url}")
        _serve(pretend_site(pages), host, port)


def _serve(application: FastAPI, host: str, port: int) -> None:
    import uvicorn

    # Its own access log would hold the tokens of patients' links; the rest goes through ours.
    uvicorn.run(
        application,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        log_level="warning",
        # A page that waits for news would hold up the stop for as long as it is open.
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )


def _serve_and_send(application: FastAPI, running: Worker, host: str, port: int) -> None:
    thread = threading.Thread(target=running.run, name="worker")
    thread.start()
    try:
        _serve(application, host, port)
    finally:
        running.stop()
        thread.join()


def _how_to_begin(parts: Parts) -> None:
    """Say where staff sign in; without a clinic, how it is made."""
    with parts.sessions.begin() as db:
        begun = is_set_up(db)
    if begun:
        typer.echo(f"Sign in:                      {parts.settings.public_url}/", err=True)
        return
    typer.echo(f"Make your clinic:             {parts.settings.public_url}/set-up", err=True)
    typer.echo(f"Its set-up code:              {set_up_code(parts.vault)}", err=True)


def _say_if_paused(parts: Parts) -> None:
    with parts.sessions() as db:
        if pause_of(db):
            typer.echo(f"For now {WHY}.", err=True)


def _welcome(parts: Parts) -> None:
    """Say where to look; with an empty database make a sample clinic and show its key, once."""
    from service.pathway.samples import make_samples

    typer.echo(f"Pretend phones and mailboxes: {parts.settings.public_url}/sandbox", err=True)
    typer.echo(f"API:                          {parts.settings.public_url}/api/v1", err=True)
    with parts.sessions.begin() as db:
        made = None if is_set_up(db) else make_samples(db, parts.now())
    _how_to_begin(parts)
    if made is None:
        return
    typer.echo("A sample clinic, Bayou Needling, was made. Shown once:", err=True)
    for email in made.emails:
        typer.echo(f"  sign in as {email:<22} with {made.password}", err=True)
    typer.echo("  and call the API with this key:", err=True)
    typer.echo(made.api_key)
