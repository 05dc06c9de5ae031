"""Holds sending back while the clock cannot be believed, and says so once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog

from service.domain.clock_watch import (
    ClockReading,
    ClockWatch,
    after_jump,
    after_tick,
    has_jumped,
)

_log = structlog.get_logger()


class ClockGuard:
    """Compares the two clocks at every tick, and before anything is claimed or sent.

    Safe from any thread. `speed` is how fast the wall clock runs in the sandbox.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        speed: float = 1.0,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._speed = speed
        self._lock = threading.Lock()
        self._watch = ClockWatch(self._reading())

    @property
    def problem(self) -> str | None:
        """What is wrong with the clock, or None."""
        return self._watch.problem

    def may_send(self) -> bool:
        """Tell whether the clock can be believed at this moment; it costs two readings."""
        with self._lock:
            current = self._reading()
            if has_jumped(self._watch.last, current, self._speed):
                self._learn(after_jump(current))
            return self._watch.quiet == 0

    def tick(self, newest_beat: datetime | None) -> None:
        """A tick has come; `newest_beat` is what any worker last committed before it."""
        with self._lock:
            self._learn(after_tick(self._watch, self._reading(), newest_beat, self._speed))

    def _learn(self, learnt: ClockWatch) -> None:
        if learnt.problem != self._watch.problem:
            if learnt.problem:
                _log.critical("clock_not_believed", problem=learnt.problem)
            else:
                _log.warning("clock_believed_again")
        self._watch = learnt

    def _reading(self) -> ClockReading:
        return ClockReading(self._now(), self._monotonic())
