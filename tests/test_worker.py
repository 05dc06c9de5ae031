"""The worker: it sends, beats, does its duties, and stops without losing anything."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from datetime import datetime, timedelta

from sqlalchemy import select

from service.domain.values import Channel, MessageState
from service.pathway.clock_guard import ClockGuard
from service.pathway.dispatch import Dispatcher
from service.store.engine import Sessions
from service.store.workers import Worker as WorkerRow
from service.worker import Duty, Watchdog, Worker
from tests.doubles import RecordingGateway, RunningClock
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address, stored
from tests.pathway.test_dispatch import compose, skip


class Hands:
    """Both clocks, moved by hand."""

    def __init__(self, wall: datetime) -> None:
        self._wall, self._monotonic = wall, 0.0

    def wall(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def jump(self, by: timedelta) -> None:
        self._wall += by

    def pass_by(self, seconds: float) -> None:
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds


def a_worker(sessions: Sessions, gateway: RecordingGateway, *duties: Duty) -> Worker:
    clock = RunningClock(NOON)
    dispatcher = Dispatcher(
        sessions, {Channel.SMS: gateway}, now=clock, compose=compose, rejudge=skip
    )
    return Worker(sessions, dispatcher, duties, name="here:1", now=clock)


def test_a_worker_sends_does_its_duties_and_leaves_a_heartbeat(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        message = a_message(db, clinic, an_address(db, clinic))
    gateway, done = RecordingGateway(), threading.Event()
    worker = a_worker(sessions, gateway, Duty("settling", 0.05, done.set))
    running = threading.Thread(target=worker.run)
    running.start()
    assert done.wait(10)
    for _ in range(1000):
        if stored(sessions, message.id).state is MessageState.ACCEPTED:
            break
        threading.Event().wait(0.01)
    worker.stop()
    running.join(10)
    assert not running.is_alive()
    assert gateway.ids() == [message.id]
    with sessions() as db:
        row = db.scalars(select(WorkerRow)).one()
    assert row.beat_at >= NOON
    assert row.stopped_at is not None


def test_a_duty_that_fails_is_tried_again_at_its_next_tick(sessions: Sessions) -> None:
    calls, twice = [], threading.Event()

    def fails() -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        raise RuntimeError("not this time")

    worker = a_worker(sessions, RecordingGateway(), Duty("failing", 0.05, fails))
    running = threading.Thread(target=worker.run)
    running.start()
    assert twice.wait(10)
    worker.stop()
    running.join(10)
    assert not running.is_alive()


def test_a_clock_that_jumped_sends_nothing_and_expires_nothing(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        due = a_message(db, clinic, an_address(db, clinic), send_at=NOON + timedelta(hours=3))
        late = a_message(db, clinic, an_address(db, clinic, "+12815550124"))
    shown = Hands(NOON - timedelta(minutes=1))
    guard, rejudged = ClockGuard(shown.wall, monotonic=shown.monotonic), []
    gateway = RecordingGateway()
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: gateway},
        now=shown.wall,
        compose=compose,
        rejudge=lambda db, message, now: rejudged.append(message.id),
        may_send=guard.may_send,
    )

    shown.jump(timedelta(hours=9, minutes=1))

    assert asyncio.run(dispatcher.send_what_is_due()) == 0
    assert (gateway.ids(), rejudged) == ([], [])
    assert guard.problem is not None
    shown.jump(-timedelta(hours=9))
    for _ in range(3):
        shown.pass_by(10)
        guard.tick(None)
    assert guard.problem is None
    assert asyncio.run(dispatcher.send_what_is_due()) == 1
    assert stored(sessions, due.id).state is MessageState.PLANNED
    assert stored(sessions, late.id).state is MessageState.ACCEPTED


def test_a_worker_that_stands_still_is_ended(sessions: Sessions) -> None:
    ended = threading.Event()
    worker = a_worker(sessions, RecordingGateway())
    looks = itertools.count(time.monotonic() + 3600, 0.001)

    watchdog = Watchdog(worker.stuck, every=0.001, monotonic=lambda: next(looks), give_up=ended.set)
    watchdog.start()

    assert ended.wait(10)
    watchdog.stop()


def test_a_duty_that_hangs_is_noticed(sessions: Sessions) -> None:
    hangs, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        go_on.wait(10)

    worker = a_worker(sessions, RecordingGateway(), Duty("settling", 0.05, hang))
    running = threading.Thread(target=worker.run)
    running.start()
    assert hangs.wait(10)

    assert worker.stuck(time.monotonic()) == []
    assert "settling" in worker.stuck(time.monotonic() + 301)

    go_on.set()
    worker.stop()
    running.join(10)


def test_a_machine_that_slept_is_not_taken_for_stuck() -> None:
    slept, enough = threading.Event(), threading.Event()
    looks = itertools.count(1)

    def an_hour_a_look() -> float:
        if next(looks) > 5:
            enough.set()
        return next(looks) * 3600.0

    watchdog = Watchdog(
        lambda _: ["dispatcher"], every=0.001, monotonic=an_hour_a_look, give_up=slept.set
    )
    watchdog.start()
    assert enough.wait(10)
    watchdog.stop()

    assert not slept.is_set()
