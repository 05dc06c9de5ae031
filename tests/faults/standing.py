"""A worker and a web that stay: the real ones, on threads of this process, through a whole story.

What happens to the database, the clock or the line happens to them while they are at work, and
they must find their way back by themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

import uvicorn
from sqlalchemy.exc import DBAPIError

from service import worker as workers
from service.domain.values import Channel
from service.gateways.first_use import MadeAtFirstUse
from service.gateways.ports import Gateway
from service.pathway.clock_guard import ClockGuard
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.lateness import judge_again
from service.pathway.missed_texts import fetch_missed_texts
from service.pathway.questions import act_on_silence
from service.pathway.settling import settle_unknown
from service.pathway.silence import raise_silences
from service.store.engine import Sessions, open_engine
from service.store.secrets import Vault
from service.worker import Duty, Worker
from tests.conftest import SECRET
from tests.faults.campaign import Story
from tests.faults.steps import SteppingGateway, SteppingLookUps, Steps, stepping
from tests.faults.victims import answering, listening, web_application

REST_SECONDS = 20.0
_EVERY = 0.1
"""Seconds between two looks of a duty; two ticks are half a second, not twenty."""
_LOOK = 0.005


class StandingWorker:
    """The service's own `Worker`, with its duties, beats and clock guard, until it is left."""

    def __init__(
        self,
        story: Story,
        sessions: Sessions,
        steps: Steps,
        *,
        now: Callable[[], datetime] | None = None,
        more: dict[Channel, Gateway] | None = None,
        duties: tuple[Duty, ...] = (),
    ) -> None:
        world = story.world
        self._story, self._steps = story, steps
        now = now or world.clock.now
        self.guard = ClockGuard(now, monotonic=world.clock.monotonic)
        texts = MadeAtFirstUse(lambda: SteppingGateway(world.account, steps))
        self._dispatcher = Dispatcher(
            sessions,
            {Channel.SMS: texts, **(more or {})},
            now=now,
            compose=composer(world.public_url, now),
            rejudge=judge_again,
            tempo=Tempo(ahead=0.002, look_every=0.02),
            may_send=self.guard.may_send,
        )
        asked = SteppingLookUps(world.account, steps)
        work: dict[str, Callable[[], object]] = {
            "settling": lambda: settle_unknown(sessions, asked, now()),
            "silences": lambda: raise_silences(sessions, now()),
            "questions": lambda: act_on_silence(sessions, world.rules, now()),
            "missed texts": lambda: fetch_missed_texts(sessions, asked, world.rules, now()),
        }
        given = [Duty(name, _EVERY, one) for name, one in work.items()]
        self._worker = Worker(
            sessions, self._dispatcher, [*given, *duties], name="it", now=now, guard=self.guard
        )
        self._thread = threading.Thread(target=self._worker.run, name="standing worker")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Stop politely; the database must answer by then."""
        self._worker.stop()
        self._thread.join(30)
        self._story.world.seen.calls += self._steps.calls
        if self._thread.is_alive():
            self._story.tally.odd["a worker did not stop"] += 1

    def rest(self, seconds: float = REST_SECONDS) -> float:
        """Wait until all that is due is done; return how long it took, from now on."""
        began = time.monotonic()
        while not self.rests():
            if time.monotonic() - began > seconds:
                self._story.tally.odd["a worker did not come to rest"] += 1
                break
            time.sleep(_LOOK)
        return time.monotonic() - began

    def rests_and_is_over(self) -> bool:
        """Let it come to rest, so that time may be moved; tell whether the story is over."""
        self.rest()
        return self._story.over

    def rests(self) -> bool:
        """Is nothing due and nothing on the wire? Not while the database is away."""
        return all(self._looks_idle() and self._turns_again() for _ in range(2))

    def _turns_again(self) -> bool:
        """Wait for its next turn: what it has just claimed is on the wire then."""
        last, until = self._dispatcher.last_turn, time.monotonic() + 2
        while self._dispatcher.last_turn == last and time.monotonic() < until:
            time.sleep(_LOOK)
        return self._dispatcher.last_turn != last

    def _looks_idle(self) -> bool:
        running = self._dispatcher._running
        if running is None or running.sends or running.attempts:
            return False
        try:
            return not self._story.world.is_anything_due()
        except DBAPIError:
            return False


class _NoWatchdog:
    """It would end this process: days that are let pass look to it like standing still."""

    def __init__(self, *_: Any) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


@contextmanager
def standing_worker(
    story: Story, *, database_url: str = "", **given: Any
) -> Iterator[StandingWorker]:
    """Yield a worker at work; its steps are the database's."""
    database = story.database
    engine = open_engine(database_url or database.url, Vault([SECRET]), pool_size=4)
    worker = StandingWorker(story, stepping(engine, database.steps), database.steps, **given)
    with (
        patch.object(workers, "Watchdog", _NoWatchdog),
        patch.object(workers, "_BEAT_EVERY", 2 * _EVERY),
    ):
        worker.start()
        try:
            yield worker
        finally:
            database.steps.disarm()
            worker.stop()
            engine.dispose()


@contextmanager
def standing_web(story: Story, *, database_url: str = "") -> Iterator[Steps]:
    """Yield the steps of a web that takes the provider's webhooks."""
    steps = Steps()
    engine = open_engine(database_url or story.database.url, Vault([SECRET]), pool_size=4)
    application = web_application(
        stepping(engine, steps), story.world.account, story.world.public_url, story.world.clock
    )
    server = uvicorn.Server(
        uvicorn.Config(
            answering(application, steps),
            port=story.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
    )
    thread = threading.Thread(target=server.run, name="standing web")
    thread.start()
    try:
        listening(story.port)
        yield steps
    finally:
        steps.disarm()
        server.should_exit = True
        thread.join(30)
        engine.dispose()
