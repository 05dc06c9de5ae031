"""Dry run: what a draft would have meant for the sessions and the replies of these months.

The patients' words are read again under the rules in use and under the draft's, and their sessions
planned again under both: what differs comes from the draft and from nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain import gsm7
from service.domain.planning import plan_messages
from service.domain.protocol import Protocol, load_protocol
from service.domain.triage import Circumstances, read_reply
from service.domain.triage.readings import Answer
from service.domain.values import (
    CallOutcome,
    Channel,
    ClinicFacts,
    Language,
    Level,
    MessageState,
    PainRules,
    PlannedMessage,
)
from service.domain.wording import load_texts, longest_form
from service.pathway.correspondents import JOINED, treated_so
from service.pathway.drafting import version_in_use
from service.pathway.replies import asks_first
from service.store.clinics import Clinic
from service.store.past import PastAnswer, PastSession, past_answers, past_sessions
from service.store.patients import facts_of
from service.store.replies import Reply

LOOKS_BACK = timedelta(days=90)
MOST_SESSIONS = 1_000
MOST_ANSWERS = 3_000
"""The newest are taken: so many are read again in a few seconds."""

_LED_TO_CARE = frozenset({CallOutcome.BOOKED, CallOutcome.URGENT_CARE, CallOutcome.EMERGENCY})
_SIGNS = frozenset({Answer.SIGNS, Answer.CLARIFY_SIGNS})


@dataclass(frozen=True)
class LevelChanged:
    """A reply whose level the draft changes; `ok` means that no flag would be raised."""

    session_id: UUID
    received_at: datetime
    score: int | None
    before: Level
    after: Level
    outcome: CallOutcome | None

    @property
    def missed(self) -> bool:
        """Whether a patient who needed care would not have been called."""
        return self.after is Level.OK and self.outcome in _LED_TO_CARE


@dataclass(frozen=True)
class StepChanged:
    """How often a message was planned before and would be after, and how many at another time."""

    key: str
    before: int
    after: int
    moved: int


@dataclass(frozen=True)
class DryRun:
    """What the draft would have changed. Segments are the texts' at their longest."""

    answers: int
    sessions: int
    flags: tuple[int, int]
    """Before and after; a reply counts once."""
    changed: tuple[LevelChanged, ...]
    messages: tuple[int, int]
    segments: tuple[int, int]
    steps: tuple[StepChanged, ...]
    """Only those that the draft changes."""

    @property
    def missed(self) -> int:
        """How many patients who needed care would not have been called."""
        return sum(one.missed for one in self.changed)

    @property
    def all_seen(self) -> bool:
        """False when the clinic had more than is looked at."""
        return self.answers < MOST_ANSWERS and self.sessions < MOST_SESSIONS


def dry_run(db: Session, clinic: Clinic, version: int, now: datetime) -> DryRun:
    """Compare a version with the one in use over the last 90 days; changes nothing."""
    since, in_use = now - LOOKS_BACK, load_protocol(version_in_use(clinic))
    draft = load_protocol(version)
    answers = past_answers(db, clinic.id, since, MOST_ANSWERS)
    sessions = past_sessions(db, clinic.id, since, MOST_SESSIONS)
    levels = list(_levels(answers, in_use.pain.rules(), draft.pain.rules()))
    before, after = (
        [_planned(past, clinic.facts(), protocol) for past in sessions]
        for protocol in (in_use, draft)
    )
    return DryRun(
        answers=len(answers),
        sessions=len(sessions),
        flags=(
            sum(was is not Level.OK for _, was, _ in levels),
            sum(becomes is not Level.OK for _, _, becomes in levels),
        ),
        changed=tuple(
            _changed(past, was, becomes)
            for past, was, becomes in reversed(levels)
            if was is not becomes
        ),
        messages=(sum(map(len, before)), sum(map(len, after))),
        segments=(
            _segments(in_use.version, sessions, before),
            _segments(draft.version, sessions, after),
        ),
        steps=_steps(draft, before, after),
    )


def _changed(past: PastAnswer, was: Level, becomes: Level) -> LevelChanged:
    reply = past.reply
    return LevelChanged(past.session.id, reply.received_at, reply.score, was, becomes, past.outcome)


def _levels(
    answers: Iterable[PastAnswer], in_use: PainRules, draft: PainRules
) -> Iterator[tuple[PastAnswer, Level, Level]]:
    """Read each answer under both rules, in the light of what was answered before it."""
    said: dict[UUID, list[Reply]] = {}
    for past in answers:
        earlier = said.setdefault(past.session.id, [])
        around = _around(past, earlier)
        joined = [
            one.body
            for one in earlier
            if one.body and past.reply.received_at - one.received_at <= JOINED
        ]
        # By the same rules it reads the same: most drafts change words or tips only.
        levels = {
            rules: _level(past.reply, joined, replace(around, pain_rules=rules))
            for rules in {in_use, draft}
        }
        earlier.append(past.reply)
        yield past, levels[in_use], levels[draft]


def _level(reply: Reply, joined: list[str], around: Circumstances) -> Level:
    texts = [reply.body or ""]
    if joined:
        texts.append("\n".join([*joined, texts[0]]))
    readings = [read_reply(text, around) for text in texts]
    levels = [Level.OK if asks_first(one) else one.level for one in readings]
    return min(levels, key=lambda level: level.rank)


def _around(past: PastAnswer, earlier: list[Reply]) -> Circumstances:
    """Return what was known around an answer, as far as it is stored."""
    session, patient, reply = past.session, past.patient, past.reply
    last = earlier[-1].answer if earlier else None
    regions = load_protocol(session.protocol_version).regions
    return replace(
        treated_so(
            session,
            patient,
            reply.received_at,
            lambda codes: any(regions[code].chest_adjacent for code in codes),
        ),
        language=patient.language,
        previous=next((one.score for one in reversed(earlier) if one.score is not None), None),
        checkin_open=reply.checkin_id is not None or last == Answer.CLARIFY,
        signs_open=last in _SIGNS,
        safety_check_open=last == Answer.SAFETY_CHECK,
        has_media=bool(reply.media),
        clarified_before=any(one.answer == Answer.CLARIFY for one in earlier),
    )


def _planned(past: PastSession, clinic: ClinicFacts, protocol: Protocol) -> list[PlannedMessage]:
    """Return what would be sent if no answer changed it."""
    plan = plan_messages(
        past.session.facts(),
        facts_of(past.patient, past.consent),
        clinic,
        protocol,
        saved_at=past.session.created_at,
        welcomed=not past.session.first_session,
    )
    return [message for message in plan.messages if message.state is MessageState.PLANNED]


def _segments(version: int, sessions: list[PastSession], plans: list[list[PlannedMessage]]) -> int:
    return sum(
        _segments_at_most(version, message.wording, past.patient.language)
        for past, plan in zip(sessions, plans, strict=True)
        for message in plan
        if message.channel is Channel.SMS
    )


@cache
def _segments_at_most(version: int, wording: str, language: Language) -> int:
    return gsm7.segments(longest_form(load_texts(version).get(wording, language), language))


def _steps(
    draft: Protocol, before: list[list[PlannedMessage]], after: list[list[PlannedMessage]]
) -> tuple[StepChanged, ...]:
    counts = [
        Counter(message.key for plan in plans for message in plan) for plans in (before, after)
    ]
    moved: Counter[str] = Counter()
    for was, becomes in zip(before, after, strict=True):
        at = {(message.key, message.channel): message.send_at for message in was}
        moved.update(
            message.key
            for message in becomes
            if at.get((message.key, message.channel), message.send_at) != message.send_at
        )
    rows = (
        StepChanged(step.key, counts[0][step.key], counts[1][step.key], moved[step.key])
        for step in draft.steps
    )
    return tuple(row for row in rows if row.before != row.after or row.moved)
