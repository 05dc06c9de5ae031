"""Writers of one process wait in line: nobody is overtaken until he gives up."""

from threading import Event, Thread

import pytest
from sqlalchemy import Engine, text

from service.store.engine import open_engine
from service.store.secrets import Vault
from service.store.turns import Turns
from tests.system.house import until

LONG = 5


def test_the_turn_goes_to_whoever_asked_first():
    turns, served = Turns(), []
    turns.take("Ana", LONG)

    def wait_as(name: str) -> None:
        assert turns.take(name, LONG)
        served.append(name)
        turns.give_back(name)

    threads = []
    for position, name in enumerate(["Ben", "Carla", "Dora"], 1):
        threads.append(Thread(target=wait_as, args=[name]))
        threads[-1].start()
        until(lambda position=position: turns.waiting == position)
    turns.give_back("Ana")
    for thread in threads:
        thread.join(LONG)

    assert served == ["Ben", "Carla", "Dora"]
    assert turns.take("Eva", 0)


def test_who_waits_in_vain_leaves_the_line():
    turns = Turns()
    turns.take("Ana", LONG)

    assert not turns.take("Ben", 0.01)
    assert turns.waiting == 0

    turns.give_back("Ben")  # It was never his.
    assert not turns.take("Carla", 0)
    turns.give_back("Ana")
    assert turns.take("Carla", 0)


def test_who_has_the_turn_keeps_it():
    turns = Turns()

    assert turns.take("Ana", 0)
    assert turns.take("Ana", 0)


@pytest.fixture
def engine(tmp_path, vault: Vault):
    engine = open_engine(f"sqlite:///{tmp_path / 'clinic.db'}", vault)
    with engine.begin() as db:
        db.execute(text("CREATE TABLE reply (id INTEGER PRIMARY KEY, wrote TEXT)"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("ending", ["commit", "rollback", "close", "invalidate"])
def test_the_next_writer_gets_in_however_the_one_before_ended(engine: Engine, ending: str):
    first = engine.connect()
    first.execute(text("INSERT INTO reply (wrote) VALUES ('Ana')"))
    asked, written = Event(), Event()

    def write() -> None:
        asked.set()
        with engine.begin() as db:
            db.execute(text("INSERT INTO reply (wrote) VALUES ('Ben')"))
        written.set()

    second = Thread(target=write)
    second.start()
    assert asked.wait(LONG)
    assert not written.is_set()
    getattr(first, ending)()
    first.close()
    second.join(LONG)

    assert written.is_set()
