"""The worker: ticks that say "look now", a heartbeat, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from service.pathway.dispatch import Dispatcher
from service.store import workers
from service.store.base import new_id
from service.store.engine import Sessions

_BEAT_EVERY = 10.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that is looked at every `every` seconds, never twice at once in one worker."""

    name: str
    every: float
    work: Callable[[], object]


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
    ) -> None:
        self._sessions = sessions
        self._dispatcher = dispatcher
        self._duties = duties
        self._name = name
        self._now = now
        self._id = new_id()

    def run(self) -> None:
        """Work until `stop`; returns when all that was on the wire has been written down."""
        ticks = _scheduler()
        beat = Duty("heartbeat", _BEAT_EVERY, self._beat)
        _run_duty(beat)
        for duty in (beat, *self._duties):
            ticks.add_job(_run_duty, "interval", args=(duty,), seconds=duty.every, id=duty.name)
        ticks.start()
        try:
            asyncio.run(self._dispatcher.run())
        finally:
            ticks.shutdown(wait=True)
            self._say_goodbye()

    def stop(self) -> None:
        """Begin no more; safe from any thread and from a signal handler."""
        self._dispatcher.stop()

    def _beat(self) -> None:
        with self._sessions.begin() as db:
            workers.record_beat(db, self._id, self._name, self._now())
        self._dispatcher.look_now()

    def _say_goodbye(self) -> None:
        with self._sessions.begin() as db:
            row = db.get(workers.Worker, self._id)
            if row is not None:
                row.stopped_at = self._now()


def _scheduler() -> BackgroundScheduler:
    return BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(4)},
        # A late tick is still a tick; several missed ones are one (`reliability.md` 3.4).
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )


def _run_duty(duty: Duty) -> None:
    try:
        duty.work()
    except Exception as problem:  # The next tick tries again; its text may name a patient.
        _log.error("duty_failed", duty=duty.name, exc_info=problem)
