"""Work that comes at once shares a commit on SQLite, and is still each caller's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import event, func, select, text

from service.store.clinics import Clinic
from service.store.engine import open_engine, open_sessions
from service.store.together import Together
from tests.make import a_clinic

LONG = 20
A_WHILE = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
    "SELECT sum(i) FROM n"
)
"""Two thousandths of a second of the database's work."""


@pytest.fixture
def together(sessions) -> Together:
    return Together(sessions)


def named(db, name: str) -> str:
    a_clinic(db, name=name, sender=None)
    return name


def refused(db):
    named(db, "Half done")
    raise ValueError("not this one")


def names(sessions) -> set[str]:
    with sessions() as db:
        return set(db.scalars(select(Clinic.name)))


def test_what_comes_at_once_is_all_stored_and_each_gets_its_own_answer(together, sessions):
    at_once = Barrier(12)

    def one(number: int) -> str:
        at_once.wait(LONG)
        return together.do(lambda db: named(db, f"Clinic {number}"))

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(one, range(12)))

    assert answers == [f"Clinic {number}" for number in range(12)]
    assert names(sessions) == set(answers)


def test_who_fails_undoes_nothing_of_the_others(together, sessions):
    at_once = Barrier(8)

    def one(number: int) -> str:
        at_once.wait(LONG)
        if number % 2:
            with pytest.raises(ValueError, match="not this one"):
                together.do(refused)
            return "refused"
        return together.do(lambda db: named(db, f"Clinic {number}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(8)))

    assert names(sessions) == {"Clinic 0", "Clinic 2", "Clinic 4", "Clinic 6"}


def test_nobody_is_answered_before_the_commit(sqlite_shared, shared):
    engine = shared[sqlite_shared]
    sessions = open_sessions(engine)
    seen = []
    event.listen(engine, "commit", lambda connection: seen.append("commit"))

    Together(sessions).do(lambda db: named(db, "Only one"))
    seen.append("answered")

    assert seen == ["commit", "answered"]
    with sessions.begin() as db:
        db.execute(text("DELETE FROM clinic"))


def test_a_commit_that_fails_fails_for_all_and_stores_nothing(sqlite_shared, shared):
    engine = shared[sqlite_shared]
    sessions = open_sessions(engine)
    together = Together(sessions)

    def broken(connection):
        raise RuntimeError("the disk is full")

    event.listen(engine, "commit", broken)
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="the disk is full"):
                together.do(lambda db: named(db, "Lost"))
    finally:
        event.remove(engine, "commit", broken)

    assert names(sessions) == set()
    assert together.do(lambda db: db.scalar(select(func.count()).select_from(Clinic))) == 0


def test_a_process_that_writes_all_the_time_does_not_keep_another_out(sqlite_shared, vault):
    busy, other = (open_engine(sqlite_shared, vault) for _ in range(2))
    written, begun, stop = [], Event(), Event()

    def write() -> None:
        while not stop.is_set():
            with busy.begin() as connection:
                connection.execute(text("UPDATE clinic SET name = 'x'"))
                connection.execute(A_WHILE).all()
            written.append(1)
            begun.set()

    writers = [Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    begun.wait(LONG)
    waited = []
    for _ in range(60):
        before = len(written)
        with other.begin() as connection:
            waited.append(len(written) - before)
            connection.execute(text("UPDATE clinic SET name = 'y'"))
    stop.set()
    for writer in writers:
        writer.join(LONG)
    busy.dispose()
    other.dispose()

    # SQLite's own waiting lets some wait for hundreds of them.
    assert max(waited) < 100
