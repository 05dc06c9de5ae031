"""Brings a database to the current version, and says which version it has."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_LOCK = 7_405_133
"""An arbitrary number that every process of ours locks on PostgreSQL before it migrates."""


def migrate(engine: Engine) -> None:
    """Run every migration that is missing; safe when several processes start at once."""
    with engine.begin() as connection:
        upgrade(connection)


def upgrade(connection: Connection, version: str = "head") -> None:
    """Bring a database to a version, in the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def is_current(engine: Engine) -> bool:
    """Is the database at the version this code was written for?"""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == current_version()


def current_version() -> str | None:
    """Return the version this code was written for."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def can_upgrade_from(version: str) -> bool:
    """Is this a version that this code knows the way on from?"""
    known = ScriptDirectory.from_config(_config()).walk_revisions()
    return version in {one.revision for one in known}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_migrations()))
    return config


def _migrations() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
