"""The pain scores that patients answered, summed by hours since the session and by region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, distinct, extract, func, select, true
from sqlalchemy.orm import Session

from service.domain.insights import HOUR_BANDS
from service.store.chosen_sessions import Chosen, chosen_sessions, one_by_one
from service.store.replies import Reply
from service.store.sessions import TreatmentSession


@dataclass(frozen=True)
class ScoreCount:
    """How often one pain score was answered in a group: a band of hours, or a region."""

    group: str
    score: int
    answers: int


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
    each = one_by_one(db, TreatmentSession.regions)
    region = each.c.value.label("region")
    answers = (
        select(region, TreatmentSession.patient_id, func.max(Reply.score).label("score"))
        .select_from(TreatmentSession)
        .join(each, true())
        .join(Reply, _of_session())
        .where(*chosen_sessions(chosen), *_scored())
        .group_by(region, TreatmentSession.id, TreatmentSession.patient_id)
        .subquery()
    )
    return _counted(db, answers, answers.c.region)


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
        .where(*chosen_sessions(chosen), *_scored())
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
