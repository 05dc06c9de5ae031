"""One look at what is due: how free sending slots are shared between clinics, at what pace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.values import LANE_TIP, Channel
from service.gateways.ports import Outgoing
from service.store import claims
from service.store.claims import Claim
from service.store.clinics import Clinic


@dataclass(frozen=True, slots=True)
class Composed:
    """A message in its final words; `segments` is 0 for an email."""

    outgoing: Outgoing
    segments: int


Compose = Callable[[Claim, Clinic], Composed]
"""Fills a claimed message's wording. Raises when it cannot be worded."""


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
    found = Round()
    waiting: dict[UUID, list[int]] = {}
    for due in sorted(claims.what_is_due(db, now), key=lambda one: (one.clinic_id, one.lane)):
        if due.next_at <= now + pace.ahead:
            waiting.setdefault(due.clinic_id, []).append(due.lane)
        else:
            found.look_by(due.next_at - pace.ahead)
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
            taken = _take_for(db, clinic_id, waiting[clinic_id], asked, now, pace, compose, found)
            free -= taken
            if taken == asked:
                hungry.append(clinic_id)
        order = hungry
    return found


def _take_for(
    db: Session,
    clinic_id: UUID,
    lanes: list[int],
    limit: int,
    now: datetime,
    pace: Pace,
    compose: Compose,
    found: Round,
) -> int:
    clinic = claims.clinic_to_send_for(db, clinic_id)
    if clinic is None:
        return 0
    taken = 0
    for lane in lanes:
        if lane == LANE_TIP:
            claims.skip_tips_of_the_flagged(db, clinic_id, now, pace.ahead)
        for channel in Channel:
            most = limit - taken
            if channel is Channel.SMS:
                most = min(most, _texts_that_fit(clinic, now, pace.ahead))
                if most == 0 and clinic.sender_free_at is not None:
                    found.look_by(clinic.sender_free_at - pace.ahead)
            if most <= 0:
                continue
            claimed = claims.claim(
                db, clinic_id, lane, most, now, pace.ahead, now + pace.lease, (channel,)
            )
            found.ready += [_made_ready(clinic, claim, now, compose) for claim in claimed]
            taken += len(claimed)
    return taken


def _texts_that_fit(clinic: Clinic, now: datetime, ahead: timedelta) -> int:
    """How many texts of one segment the sender may start before `now + ahead`; 1 if it is idle."""
    if clinic.sender is None:
        return 0
    free_at = max(clinic.sender_free_at or now, now)
    if free_at > now + ahead:
        return 0
    return max(1, math.floor((now + ahead - free_at).total_seconds() * clinic.segments_per_second))


def _made_ready(clinic: Clinic, claim: Claim, now: datetime, compose: Compose) -> Ready:
    """Word a claimed message and take its segments from the sender's allowance."""
    try:
        composed = compose(claim, clinic)
    except Exception as problem:  # A message that cannot be worded must not hold up the others.
        return Ready(claim, claim.send_at, None, type(problem).__name__)
    if claim.channel is not Channel.SMS:
        return Ready(claim, claim.send_at, composed)
    starts_at = max(claim.send_at, clinic.sender_free_at or now)
    clinic.sender_free_at = starts_at + timedelta(
        seconds=composed.segments / clinic.segments_per_second
    )
    return Ready(claim, starts_at, composed)
