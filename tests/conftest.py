"""What every test may ask for: each database, empty and migrated."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import Engine

from service.domain.protocol.editions import read_editions_with
from service.store.base import Base
from service.store.editions import editions_in
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.schema import migrate
from service.store.secrets import Vault
from tests.postgres import postgres_server

# How long an example takes says how busy the machine is.
settings.register_profile("aftercare", settings(), deadline=None)
settings.load_profile("aftercare")

SECRET = "a secret that only the tests know and that is long enough"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest and strew in what starts processes: others run while it waits."""
    longest = [item for item in items if item.get_closest_marker("long")]
    slow = [item for item in items if item.get_closest_marker("slow") and item not in longest]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    if not slow:
        return
    apart = len(quick) * 2 // (3 * len(slow))
    items[:] = longest
    for number, item in enumerate(slow):
        items += [item, *quick[number * apart : (number + 1) * apart]]
    items += quick[len(slow) * apart :]


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault([SECRET])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, vault: Vault) -> str:
    """The name of a migrated database that each test's own is copied from."""
    name = f"template_{uuid.uuid4().hex}"
    _run(postgres_url, f"CREATE DATABASE {name}")
    engine = open_engine(f"{postgres_url}/{name}", vault)
    migrate(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = open_engine(f"sqlite:///{path}", vault)
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def shared() -> Iterator[dict[str, Engine]]:
    """The database of each kind that all tests share, one after the other, by its URL.

    Making one for each test, and every statement anew for it, took most of the tests' time.
    """
    engines: dict[str, Engine] = {}
    yield engines
    for engine in engines.values():
        engine.dispose()


@pytest.fixture(scope="session")
def sqlite_shared(shared: dict[str, Engine], sqlite_template: Path, vault: Vault) -> str:
    url = f"sqlite:///{sqlite_template.with_name('aftercare.db')}"
    sqlite_template.with_name("aftercare.db").write_bytes(sqlite_template.read_bytes())
    shared[url] = open_engine(url, vault)
    return url


@pytest.fixture(scope="session")
def postgresql_shared(
    shared: dict[str, Engine], postgres_url: str, postgres_template: str, vault: Vault
) -> str:
    name = f"test_{uuid.uuid4().hex}"
    _run(postgres_url, f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    url = f"{postgres_url}/{name}"
    shared[url] = open_engine(url, vault)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, shared: dict[str, Engine]) -> Iterator[str]:
    """A migrated, empty database: the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_shared")
    yield url
    empty(shared[url])


@pytest.fixture
def engine(database_url: str, shared: dict[str, Engine], vault: Vault) -> Iterator[Engine]:
    if database_url in shared:
        read_editions_with(editions_in(shared[database_url]))
        yield shared[database_url]
        return
    engine = open_engine(database_url, vault)
    read_editions_with(editions_in(engine))
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    return open_sessions(engine)


def _run(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def empty(engine: Engine) -> None:
    """Take all rows out; whoever still holds one of them after a test is an error."""
    deletes = ";".join(f"DELETE FROM {name}" for name in Base.metadata.tables)
    raw = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            raw.executescript(f"PRAGMA foreign_keys=OFF; BEGIN; {deletes}; COMMIT")  # type: ignore[attr-defined]
            raw.execute("PRAGMA foreign_keys=ON")  # type: ignore[attr-defined]
        else:
            every = "SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '5s'"
            raw.cursor().execute(f"{every}; {deletes}")
            raw.commit()
    finally:
        raw.close()
