"""What insights ask of the database: sums over a clinic's sessions, never a row of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    and_,
    case,
    distinct,
    extract,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from service.domain.insights import PERCENTILES
from service.domain.values import CallOutcome, Channel, Level, MessageKind, MessageState
from service.store.base import one_of, spelled
from service.store.chosen_sessions import Chosen, chosen_sessions, in_dates, one_by_one
from service.store.flags import Call, Flag
from service.store.messages import Message
from service.store.sessions import TreatmentSession

_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNKNOWN)
_TRIED = (*_SENT, MessageState.UNDELIVERED, MessageState.REFUSED)
_SERIOUS = (CallOutcome.URGENT_CARE, CallOutcome.EMERGENCY)
_LOOK, _CALL = "look", "call"


@dataclass(frozen=True)
class CheckinCount:
    """How often a check-in reached patients, and how often it was answered."""

    key: str
    sent: int
    answered: int
    patients: int


@dataclass(frozen=True)
class CallCount:
    """How flags of one level were met."""

    level: Level
    flags: int
    patients: int
    looked: int
    called: int
    called_in_time: int
    late_waiting: int
    """Past the promised time, and still nobody has phoned."""


@dataclass(frozen=True)
class EventCount:
    """How often one category was flagged."""

    category: str
    emergency: int
    urgent: int
    routine: int
    sessions: int
    patients: int
    sent_to_care: int


@dataclass(frozen=True)
class MessageCount:
    """Messages of one sort that had one end."""

    channel: Channel
    kind: MessageKind
    state: MessageState
    error_code: int | None
    count: int
    segments: int


def sessions_and_patients(db: Session, chosen: Chosen) -> tuple[int, int]:
    """Return how many sessions were chosen, and of how many patients."""
    count = func.count(), func.count(distinct(TreatmentSession.patient_id))
    sessions, patients = db.execute(select(*count).where(*chosen_sessions(chosen))).one()
    return sessions, patients


def recorders(db: Session, chosen: Chosen) -> list[str]:
    """Return who recorded sessions in these dates, whoever is chosen."""
    asked = select(TreatmentSession.created_by).where(*in_dates(chosen)).distinct()
    return sorted(db.scalars(asked), key=str.casefold)


def checkins(db: Session, chosen: Chosen) -> list[CheckinCount]:
    """Return what became of each check-in; one that went by two channels is one question."""
    asked = (
        select(
            Message.key,
            Message.session_id,
            TreatmentSession.patient_id,
            func.max(case((Message.answered_at.is_not(None), 1), else_=0)).label("answered"),
        )
        .join(TreatmentSession, TreatmentSession.id == Message.session_id)
        .where(
            *chosen_sessions(chosen),
            Message.kind == spelled(MessageKind.CHECKIN),
            Message.key.startswith("checkin_", autoescape=True),
            one_of(Message.state, _SENT),
        )
        .group_by(Message.key, Message.session_id, TreatmentSession.patient_id)
        .subquery()
    )
    patients = func.count(distinct(asked.c.patient_id))
    counted = select(asked.c.key, func.count(), func.sum(asked.c.answered), patients)
    return [CheckinCount(*row) for row in db.execute(counted.group_by(asked.c.key))]


def calls(db: Session, chosen: Chosen, now: datetime) -> list[CallCount]:
    """Return how flags were met, by level."""
    flags = _flags(chosen)
    met = select(
        flags.c.level,
        func.count(),
        func.count(distinct(flags.c.patient_id)),
        func.count(flags.c.looked_at),
        func.count(flags.c.called_at),
        func.count().filter(flags.c.called_at <= flags.c.due_at),
        func.count().filter(
            and_(flags.c.called_at.is_(None), flags.c.closed_at.is_(None), flags.c.due_at < now)
        ),
    ).group_by(flags.c.level)
    return [CallCount(Level(level), *rest) for level, *rest in db.execute(met)]


def waits(db: Session, chosen: Chosen) -> dict[tuple[Level, str, int], int]:
    """Return seconds from a flag to the first look and to the first call, by level.

    The key is the level, `look` or `call`, and the percentile (nearest rank).
    """
    flags = _flags(chosen)
    each = union_all(
        *(
            select(
                flags.c.level.label("level"),
                literal(measure).label("measure"),
                (extract("epoch", at) - extract("epoch", flags.c.raised_at)).label("seconds"),
            ).where(at.is_not(None))
            for measure, at in ((_LOOK, flags.c.looked_at), (_CALL, flags.c.called_at))
        )
    ).subquery()
    group = (each.c.level, each.c.measure)
    ranked = select(
        *group,
        each.c.seconds,
        func.row_number().over(partition_by=group, order_by=each.c.seconds).label("place"),
        func.count().over(partition_by=group).label("count"),
    ).subquery()
    found: dict[tuple[Level, str, int], int] = {}
    wanted = or_(*(ranked.c.place == _nearest_rank(ranked.c.count, one) for one in PERCENTILES))
    rows = select(*ranked.c).where(wanted)
    for level, measure, seconds, place, count in db.execute(rows):
        for one in PERCENTILES:
            if place == (count * one + 99) // 100:
                found[Level(level), measure, one] = int(seconds)
    return found


def events(db: Session, chosen: Chosen, categories: Sequence[str]) -> list[EventCount]:
    """Return how often each of these categories was flagged after the chosen sessions."""
    each = one_by_one(db, Flag.categories)
    name = each.c.value
    counted = (
        select(
            name,
            *(
                func.count(distinct(Flag.id)).filter(Flag.level == level)
                for level in (Level.EMERGENCY, Level.URGENT, Level.ROUTINE)
            ),
            func.count(distinct(Flag.session_id)),
            func.count(distinct(TreatmentSession.patient_id)),
            func.count(distinct(Flag.id)).filter(one_of(Flag.outcome, _SERIOUS)),
        )
        .select_from(TreatmentSession)
        .join(Flag, Flag.session_id == TreatmentSession.id)
        .join(each, true())
        .where(*chosen_sessions(chosen), name.in_(categories))
        .group_by(name)
    )
    return [EventCount(*row) for row in db.execute(counted)]


def messages(db: Session, chosen: Chosen) -> list[MessageCount]:
    """Return how messages to patients ended and what they cost in segments."""
    sort = (Message.channel, Message.kind, Message.state, Message.error_code)
    counted = (
        select(*sort, func.count(), func.sum(Message.segments))
        .join(TreatmentSession, TreatmentSession.id == Message.session_id)
        .where(
            *chosen_sessions(chosen),
            Message.kind != spelled(MessageKind.NOTICE),
            one_of(Message.state, _TRIED),
        )
        .group_by(*sort)
    )
    return [
        MessageCount(channel, kind, state, code, count, segments or 0)
        for channel, kind, state, code, count, segments in db.execute(counted)
    ]


def _flags(chosen: Chosen) -> Any:
    """Return the sessions' flags with when somebody first looked, and first phoned."""
    first_call = select(func.min(Call.made_at)).where(Call.flag_id == Flag.id).scalar_subquery()
    return (
        select(
            Flag.level,
            TreatmentSession.patient_id,
            Flag.raised_at,
            Flag.due_at,
            Flag.closed_at,
            func.coalesce(Flag.owned_at, first_call).label("looked_at"),
            first_call.label("called_at"),
        )
        .join(TreatmentSession, TreatmentSession.id == Flag.session_id)
        .where(*chosen_sessions(chosen), Flag.kind == "reply")
        .subquery()
    )


def _nearest_rank(count: Any, percentile: int) -> Any:
    return (count * percentile + 99) // 100
