"""What every command begins with: the parts, one transaction, the clinic that was named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.parts import Parts, join
from service.pathway.administration import NotPossible
from service.settings import read_settings
from service.store import clinics


def open_parts() -> Parts:
    """Return what the environment's settings open."""
    return join(read_settings())


def bring_up_to_date(parts: Parts) -> None:
    """Run the migrations that the database is missing."""
    from service.store import schema

    schema.migrate(parts.engine)


@contextmanager
def transaction() -> Iterator[tuple[Session, Parts]]:
    """Yield one committed transaction; raises `NotPossible` for what is there already."""
    parts = open_parts()
    try:
        with parts.sessions.begin() as db:
            yield db, parts
    except IntegrityError as error:
        raise NotPossible("There is one like that already.") from error
    finally:
        parts.engine.dispose()


def clinic_named(db: Session, name: str) -> clinics.Clinic:
    """Return the clinic of that name or id; raises `NotPossible`."""
    found = clinics.clinic_by_name(db, name)
    if found is None:
        raise NotPossible(f"clinic: there is no clinic {name!r}.")
    return found


def fail(message: str) -> NoReturn:
    """End the command with one line for a person to mend, and exit code 1."""
    typer.echo(message, err=True)
    sys.exit(1)
