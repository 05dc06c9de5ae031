"""The worker: it sends, beats, does its duties, and stops without losing anything."""

from __future__ import annotations

import threading

from sqlalchemy import select

from service.domain.values import Channel, MessageState
from service.pathway.dispatch import Dispatcher
from service.store.engine import Sessions
from service.store.workers import Worker as WorkerRow
from service.worker import Duty, Worker
from tests.doubles import RecordingGateway, RunningClock
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address, stored
from tests.pathway.test_dispatch import compose, skip


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
