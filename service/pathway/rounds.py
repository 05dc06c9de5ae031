"""One look at what is due: how free sending slots are shared between clinics, at what pace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.values import Channel
from service.gateways.ports import Outgoing
from service.store import claims
from service.store.claims import Claim, SendingClinic


@dataclass(frozen=True, slots=True)
class Composed:
    """A message in its final words; `segments` is 0 for an email."""

    outgoing: Outgoing
    segments: int


class NoWording(Exception):
    """There is nothing to send, or nobody to send it from; the clinic reads the message."""


Compose = Callable[[Claim, SendingClinic], Composed]
"""Fills a claimed message's wording. Raises `NoWording`, or whatever else keeps it from that."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed message and when its turn at the sender comes; `composed` or why it is not."""

    claim: Claim
    starts_at: datetime
    composed: Composed | None
    problem: str | None = None


@dataclass(slots=True)
class Round:
    """What one look found: messages to hand over now, and when to look again for more."""

    ready: list[Ready] = field(default_factory=list)
    look_at: datetime | None = None

    def look_by(self, moment: datetime) -> None:
        """There is something to look for at `moment`."""
        self.look_at = moment if self.look_at is None else min(self.look_at, moment)


@dataclass(frozen=True, slots=True)
class Pace:
    """How early messages are claimed before they are sent, and how long a claim holds."""

    ahead: timedelta
    lease: timedelta


def take_round(
    db: Session, free: int, now: datetime, pace: Pace, compose: Compose, turn: int
) -> Round:
    """Claim up to `free` messages, each clinic its share; `turn` says which clinic is first.

    Nothing may be handed over before the caller has committed.
    """
    taking = _Taking(db, now, pace, compose)
    waiting: dict[UUID, list[int]] = {}
    for due in claims.what_is_due(db, now):
        if due.next_at <= now + pace.ahead:
            waiting.setdefault(due.clinic_id, []).append(due.lane)
        else:
            taking.found.look_by(due.next_at - pace.ahead)
    order = list(waiting)
    order = order[turn % len(order) :] + order[: turn % len(order)] if order else []
    # What one clinic leaves of its share goes to the others, until nobody has more.
    while order and free > 0:
        share = max(1, free // len(order))
        hungry = []
        for clinic_id in order:
            if free <= 0:
                break
            asked = min(share, free)
            taken = taking.take_for(clinic_id, waiting[clinic_id], asked)
            free -= taken
            if taken == asked:
                hungry.append(clinic_id)
        order = hungry
    return taking.found


class _Allowance:
    """What a clinic's sender may still pass: each text starts when those before it are through."""

    def __init__(self, clinic: SendingClinic, now: datetime) -> None:
        self.free_at = max(clinic.sender_free_at or now, now)
        self._a_segment = timedelta(seconds=1 / clinic.segments_per_second)

    def texts_until(self, moment: datetime) -> int:
        """How many texts of one segment may start before `moment`; 1 if the sender is idle."""
        if self.free_at > moment:
            return 0
        return max(1, math.floor((moment - self.free_at) / self._a_segment))

    def start(self, send_at: datetime, segments: int) -> datetime:
        """Return when a text that is to go out at `send_at` may start, and spend its segments."""
        starts_at = max(send_at, self.free_at)
        self.free_at = starts_at + segments * self._a_segment
        return starts_at


class _Taking:
    """One round in the making."""

    def __init__(self, db: Session, now: datetime, pace: Pace, compose: Compose) -> None:
        self._db = db
        self._now = now
        self._pace = pace
        self._until = now + pace.ahead
        self._compose = compose
        self.found = Round()

    def take_for(self, clinic_id: UUID, lanes: list[int], limit: int) -> int:
        """Claim up to `limit` of a clinic's messages, the lanes in order; return how many."""
        clinic = claims.clinic_to_send_for(self._db, clinic_id)
        if clinic is None:
            return 0
        allowance = _Allowance(clinic, self._now)
        taken = 0
        for lane in lanes:
            taken += self._take(clinic, lane, limit - taken, allowance)
        if taken:
            claims.spend_allowance(self._db, clinic_id, allowance.free_at)
        return taken

    def _take(self, clinic: SendingClinic, lane: int, most: int, allowance: _Allowance) -> int:
        texts = allowance.texts_until(self._until) if clinic.sender else 0
        if texts >= most:
            return self._claim(clinic, lane, None, most, allowance)
        if texts == 0 and clinic.sender:
            self.found.look_by(allowance.free_at - self._pace.ahead)
        # Emails do not wait for the sender's allowance.
        taken = self._claim(clinic, lane, Channel.SMS, texts, allowance)
        return taken + self._claim(clinic, lane, Channel.EMAIL, most - taken, allowance)

    def _claim(
        self,
        clinic: SendingClinic,
        lane: int,
        channel: Channel | None,
        most: int,
        allowance: _Allowance,
    ) -> int:
        if most <= 0:
            return 0
        claimed = claims.claim(
            self._db,
            clinic.id,
            lane,
            channel,
            most,
            self._now,
            self._pace.ahead,
            self._now + self._pace.lease,
        )
        self.found.ready += [self._made_ready(clinic, claim, allowance) for claim in claimed]
        return len(claimed)

    def _made_ready(self, clinic: SendingClinic, claim: Claim, allowance: _Allowance) -> Ready:
        """Word a claimed message and take its segments from the sender's allowance."""
        try:
            composed = self._compose(claim, clinic)
        except NoWording as problem:
            return Ready(claim, claim.send_at, None, str(problem))
        except Exception as problem:  # One that cannot be worded must not hold up the others.
            why = f"its text could not be made ({type(problem).__name__})"
            return Ready(claim, claim.send_at, None, why)
        if claim.channel is not Channel.SMS:
            return Ready(claim, claim.send_at, composed)
        return Ready(claim, allowance.start(claim.send_at, composed.segments), composed)
