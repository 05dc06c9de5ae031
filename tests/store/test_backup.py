"""A backup is whole, tells nothing without the key, and fits into either database."""

from __future__ import annotations

import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, func, inspect, select, update

from service.pathway.replies import receive
from service.store import audit
from service.store.backup import NotDone, back_up, restore
from service.store.base import Base
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.patients import Address
from service.store.pause import pause_of
from service.store.schema import is_current
from service.store.secrets import Vault
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    EMERGENCY,
    a_patient,
    a_sent_checkin,
    a_session,
    a_text,
    rules_that_read,
)
from tests.pathway.make import an_address

OTHER_SECRET = "another secret that is long enough to seal with"


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where only the file matters, one kind of database is enough."""


def silent(table: str, rows: int) -> None:
    """Nobody waits for the progress."""


@pytest.fixture
def filled(sessions: Sessions) -> Sessions:
    """A clinic with a patient who answered a check-in with an emergency."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        patient.health_flags = ["raynaud"]
        a_sent_checkin(db, a_session(db, patient), patient)
        rules = rules_that_read(EMERGENCY)
        receive(db, clinic, a_text("i cannot breathe canary"), rules)
    with sessions.begin() as db:
        audit.chain_entries(db)
    return sessions


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, vault: Vault) -> Iterator[Engine]:
    """A new database, empty, of each kind."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}", vault)
        yield engine
        engine.dispose()
        return
    server: str = request.getfixturevalue("postgres_url")
    name = f"restored_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        engine = open_engine(f"{server}/{name}", vault)
        yield engine
        engine.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def a_backup(engine: Engine, vault: Vault, tmp_path: Path) -> Path:
    path = tmp_path / "copy.aftercare"
    back_up(engine, vault, path, NOON, silent)
    return path


def _plain(value: Any) -> Any:
    # PostgreSQL keeps a document's keys in an order of its own.
    return sorted(value.items()) if isinstance(value, dict) else value


def references(engine: Engine) -> list[Any]:
    tables = inspect(engine)
    return [key for table in tables.get_table_names() for key in tables.get_foreign_keys(table)]


def all_rows(engine: Engine) -> dict[str, list[Any]]:
    """Everything but where periodic work left off, opened, in a steady order."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                str([_plain(v) for v in row]) for row in connection.execute(select(table))
            )
            for table in Base.metadata.sorted_tables
            if table.name != "bookmark"
        }


def test_every_row_is_back_in_either_database(
    filled: Sessions, engine: Engine, elsewhere: Engine, vault: Vault, tmp_path: Path
) -> None:
    path = a_backup(engine, vault, tmp_path)

    found = restore(elsewhere, vault, path, NOON, silent)

    assert all_rows(elsewhere) == all_rows(engine)
    assert (found.rows["reply"], found.taken_at) == (1, NOON)
    assert is_current(elsewhere)
    assert not any(key["options"].get("deferrable") for key in references(elsewhere))
    with open_sessions(elsewhere)() as db:
        assert audit.first_broken(db) is None
        assert pause_of(db) is not None


def test_a_backup_tells_nothing_and_is_its_owners_alone(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    path = a_backup(engine, vault, tmp_path)

    written = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for canary in (b"canary", b"Ana", b"7135550111", b"Bayou", b"clinic", b"emergency"):
        assert canary not in written
    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == [path.name]


def test_a_backup_is_of_one_moment_and_keeps_nobody_waiting(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    path = tmp_path / "copy.aftercare"
    written: list[str] = []

    def a_patient_comes(table: str, rows: int) -> None:
        if not written:
            with filled.begin() as db:
                an_address(db, a_clinic(db, sender="+15125550199"))
            written.append(table)

    made = back_up(engine, vault, path, NOON, a_patient_comes)

    with filled() as db:
        assert db.scalar(select(func.count()).select_from(Address)) == made.rows["address"] + 1


@on_sqlite
def test_nothing_is_overwritten(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    path = a_backup(engine, vault, tmp_path)
    before = path.read_bytes()

    with pytest.raises(NotDone, match="is there already"):
        back_up(engine, vault, path, NOON, silent)

    assert path.read_bytes() == before


def test_a_database_in_use_is_not_restored_into(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    before = all_rows(engine)

    with pytest.raises(NotDone, match="not empty"):
        restore(engine, vault, a_backup(engine, vault, tmp_path), NOON, silent)

    assert all_rows(engine) == before


@on_sqlite
@pytest.mark.parametrize("kept", [0, 10, 40, 200, -1, -17])
def test_a_file_that_was_cut_short_leaves_nothing_behind(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path, kept: int
) -> None:
    path = a_backup(engine, vault, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])

    elsewhere = open_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}", vault)
    with pytest.raises(NotDone, match="cannot be restored"):
        restore(elsewhere, vault, path, NOON, silent)

    assert not (tmp_path / "elsewhere.db").exists()


@on_sqlite
@pytest.mark.parametrize("place", [0, 20, 30, 60, -1])
def test_a_changed_byte_anywhere_is_noticed(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path, place: int
) -> None:
    path = a_backup(engine, vault, tmp_path)
    changed = bytearray(path.read_bytes())
    changed[place] ^= 1
    path.write_bytes(changed)

    elsewhere = open_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}", vault)
    with pytest.raises(NotDone, match="cannot be restored"):
        restore(elsewhere, vault, path, NOON, silent)


@on_sqlite
def test_without_the_key_nothing_is_restored_and_no_file_is_left(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    path = a_backup(engine, vault, tmp_path)
    stranger = Vault([OTHER_SECRET])
    elsewhere = open_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}", stranger)

    with pytest.raises(NotDone, match="AFTERCARE_SECRET_KEYS"):
        restore(elsewhere, stranger, path, NOON, silent)

    assert not (tmp_path / "elsewhere.db").exists()


@on_sqlite
def test_a_backup_whose_values_another_key_sealed_is_refused(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    """The file opens, but the patients' names in it would not."""
    stranger = Vault([OTHER_SECRET])
    path = tmp_path / "copy.aftercare"
    back_up(engine, stranger, path, NOON, silent)
    elsewhere = open_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}", stranger)

    with pytest.raises(NotDone, match="key"):
        restore(elsewhere, stranger, path, NOON, silent)


@on_sqlite
def test_an_audit_trail_that_was_changed_is_not_restored(
    filled: Sessions, engine: Engine, vault: Vault, tmp_path: Path
) -> None:
    with filled.begin() as db:
        db.execute(update(audit.AuditEntry).values(actor="somebody else"))
    path = a_backup(engine, vault, tmp_path)
    elsewhere = open_engine(f"sqlite:///{tmp_path / 'elsewhere.db'}", vault)

    with pytest.raises(NotDone, match="audit trail was changed at entry 1"):
        restore(elsewhere, vault, path, NOON, silent)

    assert not (tmp_path / "elsewhere.db").exists()
