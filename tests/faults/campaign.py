"""Faults played against a small world, again and again, and what the checker says of each story.

A story is four days of a few patients; every moment at which something is due is a chance for the
fault, so that one story holds many trials. A seed plays the same story again, up to the timing of
processes.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from service.store.engine import Sessions, open_engine, open_sessions
from service.store.schema import migrate
from service.store.secrets import Vault
from tests.conftest import SECRET, empty
from tests.faults.bugs import planted
from tests.faults.checker import Result, check
from tests.faults.steps import Steps, stepping
from tests.faults.victims import Orders, shared_time
from tests.faults.world import World
from tests.ports import free_port
from tests.postgres import SERVER_SETTING, PostgresServer, own_postgres, postgres_server

MOST_IN_A_STORY = 25
"""Trials of one story; after them it is left in peace, and must come to a good end."""


@dataclass
class Database:
    """A database of one kind, migrated; `worker` are sessions on it whose every step is counted."""

    kind: str
    url: str
    engine: Engine
    sessions: Sessions
    steps: Steps
    worker: Sessions
    server: PostgresServer | None = None
    """A PostgreSQL of its own, that may be ended and started."""


@dataclass
class Tally:
    """What a fault's trials came to."""

    fault: str
    database: str
    seed: int
    trials: int = 0
    stories: int = 0
    seconds: float = 0.0
    at: Counter[str] = field(default_factory=Counter)
    """How many trials there were of each kind: step, provider's answer, length of a freeze."""
    odd: Counter[str] = field(default_factory=Counter)
    """What happened beside: processes that ended in another way than they should."""
    checked: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)
    """What was measured beside, by name: seconds to recover, answers of a kind."""

    def measure(self, name: str, figure: float) -> None:
        """Keep a figure."""
        self.figures.setdefault(name, []).append(figure)

    def hit(self, kind: str) -> None:
        """One trial has happened."""
        self.trials += 1
        self.at[kind] += 1

    def add(self, results: Sequence[Result], story: int) -> None:
        """Count a story's results in."""
        for result in results:
            self.checked[result.invariant] += result.checked
            if result.violations:
                self.violations[result.invariant] += result.violations
                told = f"story {story}: {result.says}: {result.first}"
                self.first.setdefault(result.invariant, told)


@dataclass
class Story:
    """One world on one database, with the fault's own counts."""

    world: World
    database: Database
    tally: Tally
    bug: str
    most: int = MOST_IN_A_STORY
    trials: int = 0
    port: int = 0

    @property
    def chance(self) -> random.Random:
        """The story's own randomness."""
        return self.world.chance

    @property
    def over(self) -> bool:
        """Has it had its trials?"""
        return self.trials >= self.most

    def plan(self, patients: int) -> None:
        """Treat so many patients; fewer for a story of a few trials."""
        self.world.plan(patients if self.most > 8 else 2)

    def hit(self, kind: str) -> None:
        """One trial has happened."""
        self.trials += 1
        self.tally.hit(kind)

    def orders(self, step: str = "", nth: int = 1, **more: object) -> Orders:
        """Return what a process of this story is to do."""
        world = self.world
        given = Orders(
            self.database.url,
            world.clock.path,
            world.account,
            world.public_url,
            step=step,
            nth=nth,
            bug=self.bug,
            port=self.port,
        )
        return Orders(**{**given.__dict__, **more})

    def check_now(self, *invariants: str) -> None:
        """Check a few invariants in the middle of the story."""
        results = [one for one in check(self.world.evidence()) if one.invariant in invariants]
        self.tally.add([one for one in results if one.violations], self.tally.stories)


Play = Callable[[Story], None]


@dataclass(frozen=True)
class Fault:
    """How one fault is played. `reported`: the provider reports to a web process of the story."""

    name: str
    says: str
    play: Play
    reported: bool = False


def run(
    fault: Fault,
    database: Database,
    trials: int,
    seed: int,
    *,
    bug: str = "",
    stories: int = 10_000,
) -> Tally:
    """Play stories until there were so many trials; return what came of them."""
    tally = Tally(fault.name, database.kind, seed)
    began = time.monotonic()
    while tally.trials < trials and tally.stories < stories:
        tally.stories += 1
        _play_one(fault, database, tally, bug, min(MOST_IN_A_STORY, trials - tally.trials))
    tally.seconds = time.monotonic() - began
    return tally


def _play_one(fault: Fault, database: Database, tally: Tally, bug: str, most: int) -> None:
    empty(database.engine)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="aftercare-story-") as folder, planted(bug):
        world = World(
            database.sessions,
            Path(folder),
            random.Random(f"{fault.name} {tally.seed} {tally.stories}"),
            public_url=f"http://127.0.0.1:{port}",
            told=fault.reported,
        )
        try:
            with shared_time(world.clock):
                fault.play(Story(world, database, tally, bug, most, port=port))
            tally.add(check(world.evidence()), tally.stories)
        except Exception as problem:  # One story that breaks off must not end a long campaign.
            tally.odd[f"a story broke off: {problem!r:.200}"] += 1
        finally:
            world.close()


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[Database]:
    """Yield a new database of a kind, `sqlite` or `postgresql`."""
    if kind == "sqlite":
        with _opened(kind, f"sqlite:///{folder / 'faults.db'}") as database:
            yield database
    elif SERVER_SETTING in os.environ:
        with postgres_server() as url, _opened(kind, f"{url}/postgres") as database:
            yield database
    else:
        with own_postgres() as server, _opened(kind, f"{server.url}/postgres") as database:
            database.server = server
            yield database


@contextmanager
def _opened(kind: str, url: str) -> Iterator[Database]:
    engine, counted = (open_engine(url, Vault([SECRET])) for _ in range(2))
    migrate(engine)
    try:
        yield prepared(kind, url, engine, counted)
    finally:
        engine.dispose()
        counted.dispose()


def prepared(kind: str, url: str, engine: Engine, counted: Engine) -> Database:
    """Return a migrated database as stories need it; `counted` is an engine of its own."""
    steps = Steps()
    return Database(kind, url, engine, open_sessions(engine), steps, stepping(counted, steps))
