"""The whole database as one stream of lines, the same whichever database it came from.

The first line says what it is; then each table's name and columns, and its rows; the last line
counts the rows and has a digest of all lines before it. Sealed columns stay sealed inside.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from service.store.base import UTCDateTime
from service.store.sealed_file import SealedWriter, unsealed
from service.store.secrets import Sealed, SealedJSON, Unreadable, Vault

_FORMAT = 1
_AT_ONCE = 1000
_SEALED = "sealed:"
"""Followed by the name under which the column's values are sealed."""
_TYPES: dict[str, TypeEngine[Any]] = {
    "uuid": Uuid(),
    "time": UTCDateTime(),
    "bytes": LargeBinary(),
    "json": JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql"),
    "bool": Boolean(),
    "int": Integer(),
    "float": Float(),
    "text": String(),
}

Told = Callable[[str, int], None]
"""Hears of each table and how many of its rows have passed."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive is: when it was taken, the schema's version, how many rows in each table."""

    taken_at: datetime
    version: str
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A table as the archive writes it: its columns and what kind of value each holds."""

    name: str
    columns: dict[str, str]

    def table(self) -> Table:
        """Return it without constraints, its sealed columns as the bytes they are."""
        columns = (Column(name, _type(kind)) for name, kind in self.columns.items())
        return Table(self.name, MetaData(), *columns)


def write_archive(
    connection: Connection,
    metadata: MetaData,
    file: BinaryIO,
    vault: Vault,
    taken_at: datetime,
    version: str,
    told: Told,
) -> Contents:
    """Write every table of `metadata`, as the connection's transaction sees it."""
    lines = _Lines(file, vault)
    lines.add({"format": _FORMAT, "taken_at": taken_at.isoformat(), "version": version})
    counts: dict[str, int] = {}
    for table in metadata.sorted_tables:
        shape = _Shape(table.name, {column.name: _kind(column) for column in table.columns})
        lines.add({"table": shape.name, "columns": shape.columns})
        counts[shape.name] = _write_rows(connection, shape, lines, told)
    lines.finish(counts)
    return Contents(taken_at, version, counts)


def check_archive(path: Path, vault: Vault) -> Contents:
    """Read an archive to its end and return what it is; raises `Unreadable`.

    Every sealed value is opened once: a backup whose values no key opens is worth nothing.
    """
    lines = _read_lines(path, vault)
    first = next(lines)
    if first.get("format") != _FORMAT:
        raise Unreadable("made by a newer version of Aftercare")
    counts: dict[str, int] = {}
    shape = _Shape("", {})
    for line in lines:
        if isinstance(line, list):
            counts[shape.name] += 1
            _open_sealed(shape, line, vault)
        elif "table" in line:
            shape = _Shape(line["table"], line["columns"])
            counts[shape.name] = 0
        elif line["rows"] != counts:
            raise Unreadable("not what it says: its rows are not as many as it counts")
    return Contents(datetime.fromisoformat(first["taken_at"]), first["version"], counts)


def load_archive(path: Path, connection: Connection, vault: Vault, told: Told) -> None:
    """Put an archive's rows into tables that are empty; raises `Unreadable`."""
    loading = _Loading(connection, told)
    for line in _read_lines(path, vault):
        if isinstance(line, list):
            loading.add(line)
        elif "table" in line:
            loading.next_table(_Shape(line["table"], line["columns"]))
    loading.put()


class _Loading:
    """Rows on their way into the tables, many at a time."""

    def __init__(self, connection: Connection, told: Told) -> None:
        self._connection = connection
        self._told = told
        self._shape = _Shape("", {})
        self._insert = insert(self._shape.table())
        self._rows: list[dict[str, Any]] = []
        self._count = 0

    def next_table(self, shape: _Shape) -> None:
        self.put()
        self._shape, self._insert, self._count = shape, insert(shape.table()), 0

    def add(self, row: list[Any]) -> None:
        self._rows.append(_as_stored(self._shape, row))
        if len(self._rows) == _AT_ONCE:
            self.put()

    def put(self) -> None:
        if self._rows:
            self._connection.execute(self._insert, self._rows)
            self._count += len(self._rows)
            self._told(self._shape.name, self._count)
            self._rows = []


class _Lines:
    """Lines on their way into the file: digested, compressed, sealed."""

    def __init__(self, file: BinaryIO, vault: Vault) -> None:
        self._sealed = SealedWriter(file, vault)
        self._smaller = zlib.compressobj(6)
        self._digest = hashlib.sha256()

    def add(self, line: dict[str, Any] | list[Any]) -> None:
        written = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._digest.update(written)
        self._sealed.write(self._smaller.compress(written))

    def finish(self, counts: dict[str, int]) -> None:
        self.add({"rows": counts, "digest": self._digest.hexdigest()})
        self._sealed.write(self._smaller.flush())
        self._sealed.finish()


def _read_lines(path: Path, vault: Vault) -> Iterator[Any]:
    """Yield the lines, the last one only if its digest fits; raises `Unreadable`."""
    digest = hashlib.sha256()
    last: Any = None
    with path.open("rb") as file:
        for written in _split(unsealed(file, vault)):
            last = json.loads(written)
            if isinstance(last, dict) and "digest" in last and last["digest"] != digest.hexdigest():
                raise Unreadable("not what it was: its digest does not fit")
            digest.update(written)
            yield last
    if not isinstance(last, dict) or "digest" not in last:
        raise Unreadable("not whole: its end is missing")


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    larger, rest = zlib.decompressobj(), b""
    for piece in pieces:
        *lines, rest = (rest + larger.decompress(piece)).splitlines(keepends=True) or [b""]
        yield from lines
        if rest.endswith(b"\n"):
            yield rest
            rest = b""


def _write_rows(connection: Connection, shape: _Shape, lines: _Lines, told: Told) -> int:
    count = 0
    asked = select(shape.table()).execution_options(yield_per=_AT_ONCE)
    for rows in connection.execute(asked).partitions():
        for row in rows:
            lines.add([_as_archived(value) for value in row])
        count += len(rows)
        told(shape.name, count)
    return count


def _as_archived(value: Any) -> Any:
    match value:
        case UUID():
            return value.hex
        case datetime():
            return value.astimezone(UTC).isoformat()
        case bytes() | memoryview():
            return base64.b64encode(value).decode()
        case _:
            return value


def _as_stored(shape: _Shape, row: list[Any]) -> dict[str, Any]:
    given = zip(shape.columns.items(), row, strict=True)
    return {name: _value(kind, value) for (name, kind), value in given}


def _value(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "uuid":
        return UUID(value)
    if kind == "time":
        return datetime.fromisoformat(value)
    if kind == "bytes" or kind.startswith(_SEALED):
        return base64.b64decode(value)
    return value


def _open_sealed(shape: _Shape, row: list[Any], vault: Vault) -> None:
    for kind, value in zip(shape.columns.values(), row, strict=True):
        if value is not None and kind.startswith(_SEALED):
            vault.unseal(base64.b64decode(value), kind.removeprefix(_SEALED))


def _type(kind: str) -> TypeEngine[Any]:
    return _TYPES["bytes" if kind.startswith(_SEALED) else kind]


def _kind(column: Column[Any]) -> str:
    """Return what kind of value a column holds, in the archive's words."""
    if isinstance(column.type, (Sealed, SealedJSON)):
        return _SEALED + column.type.column
    if isinstance(column.type, UTCDateTime):
        return "time"
    for kind, one in _TYPES.items():
        if kind != "time" and isinstance(column.type, type(one)):
            return kind
    raise TypeError(f"{column}: no kind of value that an archive holds")
