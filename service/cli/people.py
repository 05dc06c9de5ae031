"""Commands that set a clinic up: the clinic, its staff, its API keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.orm import Session

from service.cli.opening import clinic_named, transaction
from service.clock import system_now
from service.domain.values import Role
from service.parts import Parts
from service.pathway import administration
from service.pathway.invitations import invite
from service.store import clinics

clinic_app = typer.Typer(no_args_is_help=True, help="Create and list clinics.")
staff_app = typer.Typer(no_args_is_help=True, help="Create, list and disable staff.")
api_key_app = typer.Typer(no_args_is_help=True, help="Create, list and disable API keys.")

ClinicName = Annotated[str, typer.Option("--clinic", help="The clinic's name or id.")]


@clinic_app.command("create")
def clinic_create(
    name: Annotated[str, typer.Option(help="As patients know it; 20 characters fit best.")],
    time_zone: Annotated[str, typer.Option(help="As America/Chicago.")],
    phone: Annotated[str, typer.Option(help="The number patients are told to call.")] = "",
    sender: Annotated[str | None, typer.Option(help="Twilio number or MG… service.")] = None,
    email_from: Annotated[str | None, typer.Option(help="The address emails come from.")] = None,
) -> None:
    """Add a clinic; its id is printed last."""
    with transaction() as (db, parts):
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
    """One clinic a line: id, name, time zone, and why its texts are stopped, if they are."""
    with transaction() as (db, _):
        for clinic in clinics.all_clinics(db):
            stopped = clinic.sending_stopped_because
            state = [f"stopped: {stopped}"] if stopped else []
            typer.echo("\t".join([str(clinic.id), clinic.name, clinic.time_zone, *state]))


@clinic_app.command("resume")
def clinic_resume(clinic: ClinicName) -> None:
    """Let a clinic's texts go out again, once what stopped them is put right."""
    with transaction() as (db, parts):
        administration.resume_sending(db, clinic_named(db, clinic), parts.now())


@staff_app.command("create")
def staff_create(
    clinic: ClinicName,
    email: Annotated[str, typer.Option()],
    role: Annotated[Role, typer.Option()],
    name: Annotated[str, typer.Option()] = "",
    phone: Annotated[str | None, typer.Option(help="For urgent notices, as +12815550123.")] = None,
    duty: Annotated[str | None, typer.Option(help="on_call, lead or director.")] = None,
) -> None:
    """Add a member of staff: the id, and last a link with which they make their account, once."""
    with transaction() as (db, parts):
        added = administration.create_staff(
            db,
            clinic_named(db, clinic),
            email=email,
            role=role,
            name=name,
            phone=phone,
            duty=duty,
            now=parts.now(),
        )
        new_id = added.id
        link = _invitation(db, parts, added)
    typer.echo(str(new_id))
    _show(link)


@staff_app.command("invite")
def staff_invite(
    clinic: ClinicName,
    staff_id: Annotated[UUID, typer.Argument()],
    lost_phone: Annotated[
        bool, typer.Option(help="A new password and phone for the account. Ask who they are.")
    ] = False,
) -> None:
    """Print a new invitation for someone whose last one has ended; it is shown once."""
    with transaction() as (db, parts):
        link = _invitation(db, parts, _member(db, clinic, staff_id), lost_phone=lost_phone)
    _show(link)


@staff_app.command("list")
def staff_list(clinic: ClinicName) -> None:
    """One member of staff a line: id, email, role, state."""
    with transaction() as (db, _):
        for staff in clinics.staff_of(db, clinic_named(db, clinic).id, active_only=False):
            state = "disabled" if staff.disabled_at else "active"
            typer.echo(f"{staff.id}\t{staff.email}\t{staff.role}\t{state}")


@staff_app.command("disable")
def staff_disable(clinic: ClinicName, staff_id: Annotated[UUID, typer.Argument()]) -> None:
    """End someone's access, sign-ins and notices at once."""
    with transaction() as (db, parts):
        administration.disable(db, _member(db, clinic, staff_id), parts.now())


@api_key_app.command("create")
def api_key_create(
    clinic: ClinicName,
    name: Annotated[str, typer.Option(help="What uses it, as `front desk`.")] = "api",
) -> None:
    """Add an API key; it is printed once, alone on the last line."""
    with transaction() as (db, parts):
        _, token = administration.create_api_key(
            db, clinic_named(db, clinic), name=name, now=parts.now()
        )
    typer.echo("Keep this key: it is not shown again.", err=True)
    typer.echo(token)


@api_key_app.command("list")
def api_key_list(clinic: ClinicName) -> None:
    """One key a line: id, its first characters, name, state."""
    with transaction() as (db, _):
        for key in clinics.api_keys_of(db, clinic_named(db, clinic).id):
            state = "disabled" if key.disabled_at else "active"
            typer.echo(f"{key.id}\t{key.hint}…\t{key.name}\t{state}")


@api_key_app.command("disable")
def api_key_disable(clinic: ClinicName, key_id: Annotated[UUID, typer.Argument()]) -> None:
    """End a key's access at once."""
    with transaction() as (db, parts):
        found = [
            key for key in clinics.api_keys_of(db, clinic_named(db, clinic).id) if key.id == key_id
        ]
        if not found:
            raise administration.NotPossible("key-id: this clinic has no key with that id.")
        administration.disable(db, found[0], parts.now())


def _member(db: Session, clinic: str, staff_id: UUID) -> clinics.Staff:
    everyone = clinics.staff_of(db, clinic_named(db, clinic).id, active_only=False)
    found = [staff for staff in everyone if staff.id == staff_id]
    if not found:
        raise administration.NotPossible("staff-id: this clinic has nobody with that id.")
    return found[0]


def _invitation(
    db: Session, parts: Parts, staff: clinics.Staff, *, lost_phone: bool = False
) -> str:
    token = invite(db, staff, system_now(), actor="command line", lost_phone=lost_phone)
    return f"{parts.settings.public_url}/invitation/{token}"


def _show(link: str) -> None:
    typer.echo("Send them this link. It works once, for 7 days, and is not shown again.", err=True)
    typer.echo(link)
