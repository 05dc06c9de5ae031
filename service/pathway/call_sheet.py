"""One call's sheet: the conversation, the session, what to ask, and what each outcome leads to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.call_prompts import load_call_prompts
from service.domain.deadlines import next_try
from service.domain.evidence import Piece
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.slots import MissingSlot
from service.domain.time_words import moment_words
from service.domain.values import CallOutcome, Channel, Language, MessageState
from service.domain.windows import zone_named
from service.domain.wording import UnknownText
from service.pathway.call_list import CallLine, CallMade, call_made, lines_of, said_by
from service.pathway.callbacks import FlagNotFound
from service.pathway.composing import words_of
from service.pathway.missed_calls import missed_call_text
from service.store import audit
from service.store.call_list import CallRow, row_of_flag
from service.store.clinics import Clinic
from service.store.conversations import Conversation, conversation_of
from service.store.flags import calls_of_flags
from service.store.messages import Message
from service.store.patients import Address
from service.store.replies import Reply

_WITHOUT_SESSION = timedelta(days=3)
"""How far before a flag the conversation is shown when it belongs to no session."""


@dataclass(frozen=True)
class Turn:
    """One message of ours, or one reply, in a conversation."""

    ours: bool
    at: str
    channel: Channel
    pieces: tuple[Piece, ...]
    media: int
    state: MessageState | None
    """Of our own messages: whether it arrived."""
    reason: str | None


@dataclass(frozen=True)
class SessionShown:
    """What was done, as far as a call needs it."""

    ended_at: str
    regions: tuple[str, ...]
    baseline: int | None
    first_session: bool
    trigger_points: str
    health_flags: tuple[str, ...]


@dataclass(frozen=True)
class OutcomeOffered:
    """An outcome that can be recorded, and what follows from it."""

    outcome: CallOutcome
    told: str | None
    """The text that the patient gets; None: nothing is sent."""
    next_try: str | None
    lead_decides: bool


@dataclass(frozen=True)
class CallSheet:
    """All that somebody needs who is about to phone."""

    line: CallLine
    questions: tuple[str, ...]
    """What to ask, each once: of every call first, then of its reasons."""
    turns: tuple[Turn, ...]
    session: SessionShown | None
    outcomes: tuple[OutcomeOffered, ...]
    calls: tuple[CallMade, ...]
    closed: bool


def call_sheet(db: Session, clinic: Clinic, flag_id: UUID, by: str, now: datetime) -> CallSheet:
    """Return a flag's sheet, and write down who read it; raises `FlagNotFound`."""
    row = row_of_flag(db, clinic.id, flag_id)
    if row is None:
        raise FlagNotFound
    zone = zone_named(clinic.time_zone)
    (line,) = lines_of(db, clinic, [row], by, now)
    _note_reading(db, row, by, now)
    calls = calls_of_flags(db, [row.flag.id])
    return CallSheet(
        line=line,
        questions=_questions(line),
        turns=_turns(_conversation(db, row), clinic, zone, now),
        session=_session(row, zone, now) if row.session else None,
        outcomes=tuple(_outcomes(db, clinic, row, zone, now)),
        calls=tuple(call_made(call, zone, now) for call in calls),
        closed=row.flag.closed_at is not None,
    )


def _questions(line: CallLine) -> tuple[str, ...]:
    always = load_call_prompts(CURRENT_VERSION).always
    of_reasons = (question for reason in line.reasons for question in reason.ask)
    return tuple(dict.fromkeys((*always, *of_reasons)))


def _conversation(db: Session, row: CallRow) -> Conversation:
    since = row.session.ended_at if row.session else row.flag.raised_at - _WITHOUT_SESSION
    return conversation_of(
        db,
        patient_id=row.flag.patient_id,
        session_id=row.flag.session_id,
        address_id=row.reply.address_id if row.reply else None,
        since=since,
    )


def _turns(
    conversation: Conversation, clinic: Clinic, zone: ZoneInfo, now: datetime
) -> tuple[Turn, ...]:
    told = [(m.sent_at or m.send_at, m.id, _ours(m, clinic, zone, now)) for m in conversation.sent]
    heard = [(r.received_at, r.id, _theirs(r, zone, now)) for r in conversation.replies]
    return tuple(turn for _, _, turn in sorted([*told, *heard], key=lambda one: one[:2]))


def _ours(message: Message, clinic: Clinic, zone: ZoneInfo, now: datetime) -> Turn:
    try:
        words = words_of(message, clinic, zone)
    except (UnknownText, MissingSlot):
        words = ""  # an email has no short form, and an erased message no words
    return Turn(
        ours=True,
        at=moment_words(message.sent_at or message.send_at, zone, now),
        channel=message.channel,
        pieces=(Piece(words),) if words else (),
        media=0,
        state=message.state,
        reason=message.reason,
    )


def _theirs(reply: Reply, zone: ZoneInfo, now: datetime) -> Turn:
    return Turn(
        ours=False,
        at=moment_words(reply.received_at, zone, now),
        channel=reply.channel,
        pieces=said_by(reply),
        media=len(reply.media or ()),
        state=None,
        reason=None,
    )


def _session(row: CallRow, zone: ZoneInfo, now: datetime) -> SessionShown:
    session, patient = row.session, row.patient
    assert session is not None  # noqa: S101  # the caller has looked
    known = load_protocol(session.protocol_version).regions
    health = (patient.health_flags or ()) if patient else ()
    return SessionShown(
        ended_at=moment_words(session.ended_at, zone, now),
        regions=tuple(dict.fromkeys(known[code].name[Language.EN] for code in session.regions)),
        baseline=session.baseline_pain,
        first_session=session.first_session,
        trigger_points=session.trigger_points.value,
        health_flags=tuple(flag.replace("_", " ") for flag in health),
    )


def _outcomes(
    db: Session, clinic: Clinic, row: CallRow, zone: ZoneInfo, now: datetime
) -> list[OutcomeOffered]:
    offered = []
    for outcome in CallOutcome:
        if outcome.closes:
            offered.append(OutcomeOffered(outcome, None, None, lead_decides=False))
            continue
        missed = next_try(outcome, row.flag.tries + 1, row.flag.level, now, clinic.facts())
        writer = db.get(Address, row.reply.address_id) if row.reply else None
        text = (
            missed_call_text(db, clinic, row.flag, writer, now)
            if missed.say_call_missed and writer
            else None
        )
        goes_out = text is not None and text.state is MessageState.PLANNED
        offered.append(
            OutcomeOffered(
                outcome,
                told=words_of(text, clinic, zone) if text and goes_out else None,
                next_try=moment_words(missed.at, zone, now) if missed.at else None,
                lead_decides=missed.at is None,
            )
        )
    return offered


def _note_reading(db: Session, row: CallRow, by: str, now: datetime) -> None:
    whose = f"patient:{row.flag.patient_id}" if row.flag.patient_id else f"flag:{row.flag.id}"
    audit.record(
        db,
        clinic_id=row.flag.clinic_id,
        at=now,
        actor=by,
        action="record_read",
        subject=whose,
        flag=str(row.flag.id),
    )
