"""What insights ask of the database: sums over a clinic's sessions, never a row of a patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    case,
    cast,
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

from service.domain.insights import HOUR_BANDS, PERCENTILES
from service.domain.values import CallOutcome, Channel, Level, MessageKind, MessageState
from service.store.base import one_of, spelled
from service.store.flags import Call, Flag
from service.store.messages import Message
from service.store.replies import Reply
from service.store.sessions import TreatmentSession

_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNKNOWN)
_TRIED = (*_SENT, MessageState.UNDELIVERED, MessageState.REFUSED)
_SERIOUS = (CallOutcome.URGENT_CARE, CallOutcome.EMERGENCY)
_LOOK, _CALL = "look", "call"


@dataclass(frozen=True)
class Chosen:
    """Which of a clinic's sessions the figures are about; times are UTC, `until` is left out."""

    clinic_id: UUID
    since: datetime
    until: datetime
    by: str | None
    """Who recorded them; None: anybody."""
    region: str | None
    left_out: str
    """The reason of sessions that never took place: cards that were undone."""


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
class ScoreCount:
    """How often one pain score was answered in a group: a band of hours, or a region."""

    group: str
    score: int
    answers: int


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
    sessions, patients = db.execute(select(*count).where(*_chosen(chosen))).one()
    return sessions, patients


def recorders(db: Session, chosen: Chosen) -> list[str]:
    """Return who recorded sessions in these dates, whoever is chosen."""
    asked = select(TreatmentSession.created_by).where(*_in_dates(chosen)).distinct()
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
            *_chosen(chosen),
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


def scores_by_hours(db: Session, chosen: Chosen) -> tuple[list[ScoreCount], dict[str, int]]:
    """Return the scores in each band of hours since the session, and how many patients gave them.

    Of several answers within a band the worst counts, once a session.
    """
    answers = _answers(chosen)
    return _counted(db, answers, answers.c.band)


def scores_by_region(db: Session, chosen: Chosen) -> tuple[list[ScoreCount], dict[str, int]]:
    """Return the worst score of each session by region, and how many patients gave them.

    A session with two regions counts for both.
    """
    each = _one_by_one(db, TreatmentSession.regions)
    region = each.c.value.label("region")
    answers = (
        select(region, TreatmentSession.patient_id, func.max(Reply.score).label("score"))
        .select_from(TreatmentSession)
        .join(each, true())
        .join(Reply, _of_session())
        .where(*_chosen(chosen), *_scored())
        .group_by(region, TreatmentSession.id, TreatmentSession.patient_id)
        .subquery()
    )
    return _counted(db, answers, answers.c.region)


def events(db: Session, chosen: Chosen, categories: Sequence[str]) -> list[EventCount]:
    """Return how often each of these categories was flagged after the chosen sessions."""
    each = _one_by_one(db, Flag.categories)
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
        .where(*_chosen(chosen), name.in_(categories))
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
            *_chosen(chosen),
            Message.kind != spelled(MessageKind.NOTICE),
            one_of(Message.state, _TRIED),
        )
        .group_by(*sort)
    )
    return [
        MessageCount(channel, kind, state, code, count, segments or 0)
        for channel, kind, state, code, count, segments in db.execute(counted)
    ]


def _chosen(chosen: Chosen) -> tuple[ColumnElement[bool], ...]:
    by = (TreatmentSession.created_by == chosen.by,) if chosen.by else ()
    listed = cast(TreatmentSession.regions, String)
    region = (listed.contains(f'"{chosen.region}"', autoescape=True),) if chosen.region else ()
    return (*_in_dates(chosen), *by, *region)


def _in_dates(chosen: Chosen) -> tuple[ColumnElement[bool], ...]:
    return (
        TreatmentSession.clinic_id == chosen.clinic_id,
        # Recorded when it ended, or a day before at most: that finds it by index.
        TreatmentSession.created_at >= chosen.since - timedelta(days=1),
        TreatmentSession.ended_at >= chosen.since,
        TreatmentSession.ended_at < chosen.until,
        TreatmentSession.state_reason.is_distinct_from(chosen.left_out),
    )


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
        .where(*_chosen(chosen), Flag.kind == "reply")
        .subquery()
    )


def _nearest_rank(count: Any, percentile: int) -> Any:
    return (count * percentile + 99) // 100


def _of_session() -> ColumnElement[bool]:
    """Return which replies belong to a session; by patient and time, which is what is indexed."""
    return and_(
        Reply.patient_id == TreatmentSession.patient_id,
        Reply.received_at >= TreatmentSession.ended_at,
        Reply.session_id == TreatmentSession.id,
    )


def _scored() -> tuple[ColumnElement[bool], ...]:
    hours = _hours()
    return Reply.score.is_not(None), hours < HOUR_BANDS[-1].until


def _hours() -> ColumnElement[Any]:
    since = extract("epoch", Reply.received_at) - extract("epoch", TreatmentSession.ended_at)
    return since / 3600.0


def _answers(chosen: Chosen) -> Any:
    hours = _hours()
    band = case(
        *((hours < one.until, one.key) for one in HOUR_BANDS), else_=HOUR_BANDS[-1].key
    ).label("band")
    return (
        select(band, TreatmentSession.patient_id, func.max(Reply.score).label("score"))
        .select_from(TreatmentSession)
        .join(Reply, _of_session())
        .where(*_chosen(chosen), *_scored())
        .group_by(band, TreatmentSession.id, TreatmentSession.patient_id)
        .subquery()
    )


def _counted(db: Session, answers: Any, group: Any) -> tuple[list[ScoreCount], dict[str, int]]:
    scores = db.execute(
        select(group, answers.c.score, func.count()).group_by(group, answers.c.score)
    )
    counted = [ScoreCount(*row) for row in scores]
    people = select(group, func.count(distinct(answers.c.patient_id))).group_by(group)
    return counted, {name: count for name, count in db.execute(people)}  # noqa: C416  # as rows


def _one_by_one(db: Session, column: Any) -> Any:
    """Return the entries of a list in a column, a row each."""
    on_sqlite = db.get_bind().dialect.name == "sqlite"
    taken_apart = func.json_each if on_sqlite else func.jsonb_array_elements_text
    return taken_apart(column).table_valued("value", name="entry")
