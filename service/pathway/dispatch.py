"""Sending: due messages are claimed, handed to a provider once, and what came of it written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.domain.outcomes import NextStep, Outcome, Refused, Unclear
from service.domain.values import Channel, MessageState
from service.gateways.ports import Gateway, Outgoing
from service.pathway.consequences import carry_out
from service.pathway.other_ways import other_way
from service.pathway.rounds import Compose, Pace, Ready, Round, take_round
from service.pathway.trying_again import why_not_again
from service.pathway.verdicts import GRACE, NO_OTHER_WAY, Attempt, failed_of, verdict
from service.store import claims
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.outcomes import WrittenOutcome, write_outcomes
from service.store.pause import pause_of

_log = structlog.get_logger()
_T = TypeVar("_T")

Rejudge = Callable[[Session, Message, datetime], None]
"""Decides what becomes of a planned message whose window has passed, and writes it on the row."""

_CLAIM_TO_POST = 20.0
"""Seconds after which a claim is given up unsent (`reliability.md` S8)."""
_ABANDONED = Refused(None, "it could not be handed over in time", retry_after=0.0)


@dataclass(frozen=True, slots=True)
class Tempo:
    """How hard a dispatcher works. Times are real seconds, also where clinic time runs faster."""

    slots: int = 100
    """Sends in flight at once."""
    ahead: float = 1.0
    """Messages are claimed this early, and sent on time."""
    lease: float = 60.0
    gather: float = 0.005
    """So long do outcomes and freed slots gather before a turn at the database takes them all."""
    look_every: float = 0.5
    """What another process planned is noticed after this long."""
    speed: float = 1.0
    """Seconds of clinic time that pass in one second."""


@dataclass(slots=True)
class _Running:
    """What lives as long as one run."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    """A send has ended, or somebody says that there is something to look for."""
    sends: set[asyncio.Task[None]] = field(default_factory=set)
    attempts: list[Attempt] = field(default_factory=list)


class Dispatcher:
    """Sends what is due until it is told to stop; any number may run on one database.

    All database work happens on one thread, in batches; no transaction is open while a provider
    is spoken to. A row is claimed only when there is a free slot to send it from.
    """

    def __init__(
        self,
        sessions: Sessions,
        gateways: Mapping[Channel, Gateway],
        *,
        now: Callable[[], datetime],
        compose: Compose,
        rejudge: Rejudge,
        tempo: Tempo | None = None,
        may_send: Callable[[], bool] = lambda: True,
        told: Callable[[Attempt], None] | None = None,
    ) -> None:
        """`may_send` is asked before anything is claimed or sent; `told` hears of each attempt."""
        self.last_turn = time.monotonic()
        self._may_send, self._told = may_send, told
        self._sessions = sessions
        self._gateways = gateways
        self._now = now
        self._compose = compose
        self._rejudge = rejudge
        self._tempo = tempo or Tempo()
        self._pace = Pace(
            self._clinic_time(self._tempo.ahead), self._clinic_time(self._tempo.lease)
        )
        self._turns = 0
        self._look_back_at = 0.0
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: _Running | None = None
        self._database = ThreadPoolExecutor(1, thread_name_prefix="dispatch-database")

    def look_now(self) -> None:
        """Something may be due: look at once. Safe from any thread, at any time."""
        self._signal()

    def stop(self) -> None:
        """Claim nothing more; `run` returns once all that is on the wire has been written down."""
        self._stopping = True
        self._signal()

    async def run(self) -> None:
        """Send until `stop` is called."""
        self._running = running = _Running()
        self._loop = asyncio.get_running_loop()
        try:
            while not self._is_over(running):
                running.news.clear()
                rest = await self._turn(running)
                await _wait(running.news, rest)
                if running.sends:
                    await asyncio.sleep(self._tempo.gather)
        finally:
            for gateway in self._gateways.values():
                await gateway.close()
            self._loop = None
            self._database.shutdown()

    async def send_what_is_due(self) -> int:
        """Send what is due at this moment, to the end, and return how many were attempted."""
        running = _Running()
        count = 0
        while True:
            began = time.monotonic()
            found = await self._in_database(self._take, self._tempo.slots)
            if not found.ready:
                return count
            await asyncio.gather(*(self._send(running, ready, began) for ready in found.ready))
            await self._in_database(self._write, running.attempts)
            count += len(running.attempts)
            running.attempts = []

    def _is_over(self, running: _Running) -> bool:
        return self._stopping and not running.sends and not running.attempts

    # --- turns at the database -------------------------------------------------------------

    async def _turn(self, running: _Running) -> float:
        """Write what has ended, claim for the free slots; return how many seconds to rest.

        A turn that fails changes nothing: the database may be away, and what is planned waits for
        it. An outcome is kept until it is written.
        """
        began = self.last_turn = time.monotonic()
        ended, running.attempts = running.attempts, []
        free = 0 if self._stopping else self._free_slots(running)
        try:
            found = await self._in_database(self._write_and_take, ended, free)
        except Exception as problem:
            _log.error("dispatch_turn_failed", problem=type(problem).__name__)
            running.attempts = ended + running.attempts
            await asyncio.sleep(self._tempo.look_every)
            return 0.0
        for ready in found.ready:
            task = asyncio.create_task(self._send(running, ready, began))
            running.sends.add(task)
            task.add_done_callback(running.sends.discard)
        if running.attempts or len(found.ready) == free > 0:
            return 0.0
        if found.look_at is None:
            return self._tempo.look_every
        return min(self._tempo.look_every, max(0.001, self._seconds_until(found.look_at)))

    def _free_slots(self, running: _Running) -> int:
        # Half at a time: while one half is on the wire, the other is written and claimed.
        free = self._tempo.slots - len(running.sends)
        return min(free, max(1, self._tempo.slots // 2))

    def _write_and_take(self, ended: list[Attempt], free: int) -> Round:
        if ended:
            self._write(ended)
            # What is written is not written again, should the claim fail.
            ended.clear()
        return self._take(free) if free else Round()

    def _take(self, free: int) -> Round:
        if not self._may_send():
            return Round()
        self._turns += 1
        now = self._now()
        with self._sessions.begin() as db:
            if time.monotonic() >= self._look_back_at:
                self._look_back(db, now)
                self._look_back_at = time.monotonic() + self._tempo.look_every
            return take_round(db, free, now, self._pace, self._compose, self._turns)

    def _look_back(self, db: Session, now: datetime) -> None:
        """Settle what is planned and may not go out as it stands."""
        if pause_of(db):
            return  # It may have gone out long ago.
        claims.skip_tips_of_the_flagged(db, now, self._pace.ahead)
        for message in claims.past_their_window(db, now, 100):
            try:
                with db.begin_nested():
                    self._rejudge(db, message, now)
            except Exception as problem:  # One that cannot be judged must not stop the rest.
                _log.error(
                    "rejudge_failed", message=str(message.id), problem=type(problem).__name__
                )

    # --- sending ---------------------------------------------------------------------------

    async def _send(self, running: _Running, ready: Ready, began: float) -> None:
        """Hand one claimed message over when its turn comes; its attempt is always recorded.

        Its time to post counts from `began`, a moment before it was claimed (monotonic seconds).
        """
        segments = ready.composed.segments if ready.composed else None
        outcome: Outcome = Unclear("the worker was interrupted while it was sending")
        try:
            outcome = await self._hand_over(ready, began + _CLAIM_TO_POST)
        except Exception as problem:  # A gateway that fails unforeseen may have sent it.
            outcome = Unclear(f"the gateway failed ({type(problem).__name__})")
        finally:
            attempt = Attempt(ready.claim, outcome, self._now(), segments)
            running.attempts.append(attempt)
            if self._told:
                self._told(attempt)
            running.news.set()

    async def _hand_over(self, ready: Ready, sent_by: float) -> Outcome:
        if ready.composed is None:
            return Refused(None, ready.problem or "it has no words")
        gateway = self._gateways.get(ready.claim.channel)
        if gateway is None:
            return Refused(None, f"no provider is set up for {ready.claim.channel.value}")
        # Measured once: a clock that is set meanwhile moves the message neither way.
        starts_at = time.monotonic() + self._seconds_until(ready.starts_at)
        if starts_at > sent_by:
            return _ABANDONED
        while (pause := starts_at - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        now = self._now()
        if time.monotonic() >= sent_by or now >= ready.claim.send_before or not self._may_send():
            return _ABANDONED
        return await gateway.send(self._addressed(ready.composed.outgoing, ready, now, sent_by))

    def _addressed(
        self, outgoing: Outgoing, ready: Ready, now: datetime, sent_by: float
    ) -> Outgoing:
        left = int((ready.claim.send_before - now).total_seconds())
        return replace(outgoing, valid_for=max(1, left), sent_by=sent_by)

    # --- writing ---------------------------------------------------------------------------

    def _write(self, attempts: list[Attempt]) -> None:
        try:
            with self._sessions.begin() as db:
                self._write_all(db, attempts)
        except IntegrityError:
            # One provider reference that another message has must not hold up the whole batch.
            for attempt in attempts:
                self._write_alone(attempt)

    def _write_all(self, db: Session, attempts: list[Attempt]) -> None:
        rows = []
        for attempt in attempts:
            row, step = self._verdict(db, attempt)
            rows.append(row)
            if step is not None and step.effects:
                carry_out(db, failed_of(attempt.claim, step.reason), step.effects, attempt.at)
        write_outcomes(db, rows)

    def _write_alone(self, attempt: Attempt) -> None:
        try:
            with self._sessions.begin() as db:
                self._write_all(db, [attempt])
        except IntegrityError:
            _log.error("provider_reference_taken", message=str(attempt.claim.id))
            odd = replace(attempt, outcome=Unclear("the provider's reference was not a new one"))
            with self._sessions.begin() as db:
                self._write_all(db, [odd])

    def _verdict(self, db: Session, attempt: Attempt) -> tuple[WrittenOutcome, NextStep | None]:
        refused = isinstance(attempt.outcome, Refused)
        message = db.get(Message, attempt.claim.id) if refused else None
        way = other_way(db, message, attempt.at) if message else NO_OTHER_WAY
        row, step = verdict(attempt, way)
        if row.state is MessageState.UNKNOWN:
            row = replace(row, ask_at=attempt.at + GRACE * self._tempo.speed)
        if attempt.outcome == _ABANDONED:
            # It never left: it is as it was, and is claimed again or judged again.
            step = None
            row = replace(row, state=MessageState.PLANNED, send_at=attempt.claim.send_at)
        planned = row.state is MessageState.PLANNED
        because = why_not_again(db, message, attempt.at) if message and planned else None
        if because is not None:
            row = replace(row, state=MessageState.CANCELLED, reason=because)
        return row, step

    def _in_database(self, work: Callable[..., _T], *given: object) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._database, work, *given)

    def _seconds_until(self, moment: datetime) -> float:
        """Real seconds until the clinic's clock shows `moment`."""
        return (moment - self._now()).total_seconds() / self._tempo.speed

    def _clinic_time(self, seconds: float) -> timedelta:
        return timedelta(seconds=seconds * self._tempo.speed)

    def _signal(self) -> None:
        loop, running = self._loop, self._running
        if loop is not None and running is not None:
            # A loop that has just ended looks no more, and need not be told.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(running.news.set)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
