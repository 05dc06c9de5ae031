"""The worker: ticks that say "look now", a heartbeat, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from service.pathway.clock_guard import ClockGuard
from service.pathway.dispatch import Dispatcher
from service.pathway.tallies import Tally
from service.store import workers
from service.store.base import new_id
from service.store.engine import Sessions

_BEAT_EVERY = 10.0
_LOOP_STUCK = 120.0
"""Seconds after which a dispatcher that has not turned is taken for stuck."""
_DUTY_STUCK = 300.0
"""A duty speaks to providers, many times; each time with its own timeout."""
_WATCH_EVERY = 5.0
_STUCK_EXIT = 70
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that is looked at every `every` seconds, never twice at once in one worker."""

    name: str
    every: float
    work: Callable[[], object]


def end_process() -> None:
    """End at once, as a power cut would: a stuck thread cannot be asked to. A supervisor restarts.

    What was being sent becomes unknown when its claim expires, and is settled by asking.
    """
    os._exit(_STUCK_EXIT)


class Worker:
    """Sends what is due and does its duties until it is stopped; any number may run.

    The ticks live in memory: what is to be done is in the rows (`design.md` 1).
    """

    def __init__(
        self,
        sessions: Sessions,
        dispatcher: Dispatcher,
        duties: Sequence[Duty],
        *,
        name: str,
        now: Callable[[], datetime],
        guard: ClockGuard | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._duties = duties
        self._name = name
        self._now = now
        self._guard = guard or ClockGuard(now)
        self._tally = tally or Tally()
        self._id = new_id()
        self._at_work: dict[str, float] = {}

    def run(self) -> None:
        """Work until `stop`; returns when all that was on the wire has been written down."""
        ticks = _scheduler()
        beat = Duty("heartbeat", _BEAT_EVERY, self._beat)
        self._do(beat)
        _add(ticks, beat, self._do)
        for duty in self._duties:
            _add(ticks, duty, self._do_if_timely)
        watchdog = Watchdog(self.stuck)
        ticks.start()
        watchdog.start()
        try:
            asyncio.run(self._dispatcher.run())
        finally:
            ticks.shutdown(wait=True)
            watchdog.stop()
            self._say_goodbye()

    def stop(self) -> None:
        """Begin no more; safe from any thread and from a signal handler."""
        self._dispatcher.stop()

    def stuck(self, monotonic: float) -> list[str]:
        """Return what has not moved for too long, by the monotonic clock."""
        found = ["dispatcher"] if monotonic - self._dispatcher.last_turn > _LOOP_STUCK else []
        at_work = self._at_work.copy()
        return found + [name for name, at in at_work.items() if monotonic - at > _DUTY_STUCK]

    def _do_if_timely(self, duty: Duty) -> None:
        """Do a duty unless the clock cannot be believed: what it would find late may not be."""
        if self._guard.may_send():
            self._do(duty)

    def _do(self, duty: Duty) -> None:
        self._at_work[duty.name] = time.monotonic()
        try:
            duty.work()
            self._tally.duty_succeeded(duty.name, self._now())
        except Exception as problem:  # The next tick tries again; its text may name a patient.
            _log.error("duty_failed", duty=duty.name, exc_info=problem)
        finally:
            self._at_work.pop(duty.name, None)

    def _beat(self) -> None:
        with self._sessions.begin() as db:
            self._guard.tick(workers.newest_beat(db))
            workers.record_beat(db, self._id, self._name, self._now(), self._figures())
        self._dispatcher.look_now()

    def _figures(self) -> dict[str, Any]:
        return {**self._tally.figures(), "clock": self._guard.problem}

    def _say_goodbye(self) -> None:
        with self._sessions.begin() as db:
            row = db.get(workers.Worker, self._id)
            if row is not None:
                row.stopped_at = self._now()
                row.figures = self._figures()


class Watchdog:
    """A thread that ends the process when something in it stands still (`reliability` T8).

    It goes by the monotonic clock and needs nothing that can be stuck with the rest.
    """

    def __init__(
        self,
        stuck: Callable[[float], list[str]],
        *,
        every: float = _WATCH_EVERY,
        monotonic: Callable[[], float] = time.monotonic,
        give_up: Callable[[], None] = end_process,
    ) -> None:
        self._stuck = stuck
        self._every = every
        self._monotonic = monotonic
        self._give_up = give_up
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Watch until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last, suspected = self._monotonic(), False
        while not self._over.wait(self._every):
            current = self._monotonic()
            # After a pause of the whole machine everything looks stuck: it gets time to go on.
            slept, last = current - last > 3 * self._every + 1, current
            found = [] if slept else self._stuck(current)
            if found and suspected:
                _log.critical("stuck", what=found)
                self._give_up()
                return
            suspected = bool(found)


def _add(ticks: BackgroundScheduler, duty: Duty, do: Callable[[Duty], None]) -> None:
    ticks.add_job(do, "interval", args=(duty,), seconds=duty.every, id=duty.name)


def _scheduler() -> BackgroundScheduler:
    return BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(4)},
        # A late tick is still a tick; several missed ones are one (`reliability.md` 3.4).
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
