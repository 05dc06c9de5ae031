"""How are we doing: the worker, what is late, what nobody has taken, and how sending goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.time_words import moment_words, span_words
from service.domain.values import Channel
from service.domain.windows import zone_named
from service.pathway.glance import Glance, glance
from service.pathway.tallies import sums
from service.store.clinics import Clinic
from service.store.standing import unanswered, unread_replies, unsent, unsure
from service.store.workers import BEATING, beating_figures, clock_problems, newest_beat

_LATE = timedelta(minutes=5)
"""A message that waits for longer after its time is late, not merely next in line."""
_UNREAD_TOO_LONG = timedelta(minutes=30)


@dataclass(frozen=True)
class SendingShown:
    """How one channel went since the workers that run now were started, for all clinics."""

    channel: Channel
    accepted: int
    refused: int
    unclear: int


@dataclass(frozen=True)
class Standing:
    """Everything the page tells; times are words in the clinic's zone."""

    glance: Glance
    at: str
    beat_ago: str | None
    clock: tuple[str, ...]
    unsent: int
    oldest_unsent_ago: str | None
    is_late: bool
    dropped: int
    moved: int
    unsure: int
    unread: int
    oldest_unread_ago: str | None
    unread_too_long: bool
    overdue: int
    unread_replies: int
    sending: tuple[SendingShown, ...]
    mail_looked_ago: str | None
    """Since the mailbox for answers was last read; None: none is polled, or not yet."""


def standing(db: Session, clinic: Clinic, now: datetime, speed: float = 1) -> Standing:
    """Return how the service stands for a clinic, in a fixed number of questions."""
    late, waiting = unsent(db, clinic.id, now), unanswered(db, clinic.id, now)
    beat, since = newest_beat(db), now - BEATING * speed
    figures = beating_figures(db, since)
    zone: ZoneInfo = zone_named(clinic.time_zone)
    return Standing(
        glance=glance(db, clinic, now, speed),
        at=moment_words(now, zone, now),
        beat_ago=_ago(beat, now),
        clock=tuple(clock_problems(db, since)),
        unsent=late.count,
        oldest_unsent_ago=_ago(late.oldest, now),
        is_late=late.oldest is not None and now - late.oldest > _LATE * speed,
        dropped=late.dropped,
        moved=late.moved,
        unsure=unsure(db, clinic.id),
        unread=waiting.unread,
        oldest_unread_ago=_ago(waiting.oldest_unread, now),
        unread_too_long=_is_before(waiting.oldest_unread, now - _UNREAD_TOO_LONG),
        overdue=waiting.overdue,
        unread_replies=unread_replies(db, clinic.id),
        sending=tuple(_sending(channel, figures) for channel in Channel),
        mail_looked_ago=_ago(_newest_of_duty("emails", figures), now),
    )


def _ago(moment: datetime | None, now: datetime) -> str | None:
    return span_words(now - moment) if moment else None


def _is_before(moment: datetime | None, limit: datetime) -> bool:
    return moment is not None and moment < limit


def _sending(channel: Channel, figures: list[Mapping[str, Any]]) -> SendingShown:
    sent = sums(figures)["sent"]
    counted = [sent[f"{channel.value}/{outcome}"] for outcome in ("accepted", "refused", "unclear")]
    return SendingShown(channel, *counted)


def _newest_of_duty(name: str, figures: list[Mapping[str, Any]]) -> datetime | None:
    known = [one.get("duties", {}).get(name) for one in figures]
    return max((datetime.fromisoformat(at).astimezone(UTC) for at in known if at), default=None)
