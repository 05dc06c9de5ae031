"""The base of every table: naming, identifiers, and times that are always aware UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    Enum,
    MetaData,
    Uuid,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps no zone, so it is taken off and put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone was about to be stored.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def enum_column(kind: type[StrEnum]) -> Enum:
    """A column that holds one of `kind`'s values as text, with a CHECK that keeps others out."""
    return Enum(
        kind,
        native_enum=False,
        length=32,
        create_constraint=True,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


def spelled(value: StrEnum) -> ColumnElement[Any]:
    """Return the value written out in SQL, for conditions that a partial index has to meet.

    Through a parameter SQLite finds no partial index, nor does PostgreSQL in a prepared plan: ten
    million rows would be read in search of one that is due.
    """
    return literal_column(f"'{value.value}'")


def one_of(column: Any, values: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Return that a column holds one of these values, written out as `spelled` does.

    An `IN` over parameters would moreover be written anew each time a statement is asked.
    """
    found: ColumnElement[bool] = column.in_([spelled(value) for value in values])
    return found


PlainJSON = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """Every table's base."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it from the class
        UUID: Uuid(),
        datetime: UTCDateTime(),
        dict[str, Any]: PlainJSON,
        list[str]: PlainJSON,
    }


def new_id() -> UUID:
    """Return a new identifier; ordered by time, so that new rows share the newest index pages."""
    return uuid_utils.compat.uuid7()


class HasId:
    """A row with an identifier of its own."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
