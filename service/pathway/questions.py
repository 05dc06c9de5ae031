"""What we asked a patient back, and what follows when no answer comes (`clinical-protocol` C3, C4).

The moment to act stands in the reply's own row, so it survives a restart and any worker may find
it; `reply.answer` says what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.domain.triage.readings import Answer, Reading
from service.domain.values import Level, MessageState
from service.pathway.answers import plan_text
from service.pathway.correspondents import Correspondent, as_patient, who_wrote
from service.pathway.flagging import (
    REPLY,
    Raised,
    raise_flag,
    raise_level,
    sound_alarm,
    waiting_flag,
)
from service.pathway.optouts import lock_address
from service.pathway.rules import Rules
from service.store import audit
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Patient
from service.store.replies import Reply

_log = structlog.get_logger()

SIGNS_WAIT = timedelta(minutes=10)
"""After a routine pain answer the call is promised then, signs or no signs."""
DOUBT_WAIT = timedelta(minutes=15)
"""How long a doubt about an emergency, or about which sign it is, may stand."""
CLARIFY_WAIT = timedelta(hours=1)
"""Unclear words that stay unclear go to a person; not in the protocol, the cautious reading."""
ARRIVAL_WAIT = timedelta(minutes=1)
"""When the words of an emergency's answer are looked after."""
ARRIVAL_GIVEN_UP = timedelta(minutes=10)

_MUST_ARRIVE = (Answer.EMERGENCY, Answer.SELF_HARM, Answer.STOP_SERIOUS)
_FAILED = (
    MessageState.UNDELIVERED,
    MessageState.REFUSED,
    MessageState.SKIPPED,
    MessageState.CANCELLED,
)


def when_to_act(answer: str, level: Level, raised: Raised | None, now: datetime) -> datetime | None:
    """Return when to look again at what was sent back as `answer`; None when nothing is owed."""
    if answer == Answer.SIGNS and level is Level.ROUTINE:
        return now + SIGNS_WAIT
    if answer in (Answer.SAFETY_CHECK, Answer.CLARIFY_SIGNS):
        return now + DOUBT_WAIT
    if answer == Answer.CLARIFY and level is not Level.OK and raised is None:
        return now + CLARIFY_WAIT
    if answer in _MUST_ARRIVE:
        return now + ARRIVAL_WAIT
    return None


_WAITING = (
    select(Reply)
    .where(Reply.address_id == bindparam("address"), Reply.act_at.is_not(None))
    .order_by(Reply.received_at, Reply.id)
    .with_for_update()
)


def waiting_at(db: Session, address_id: UUID) -> list[Reply]:
    """Return the replies from a locked address whose question is not settled yet."""
    return list(db.scalars(_WAITING, {"address": address_id}))


def hear(waiting: Sequence[Reply], reading: Reading, raised: Raised | None) -> None:
    """Let a new reply answer what was asked: what it settles is not acted upon any more."""
    for earlier in waiting:
        if _settles(earlier.answer, reading, raised):
            earlier.act_at = None


def _settles(asked: str | None, reading: Reading, raised: Raised | None) -> bool:
    emergency = reading.level is Level.EMERGENCY
    match asked:
        case Answer.SAFETY_CHECK:
            return emergency or "safety_check_no" in reading.categories
        case Answer.CLARIFY_SIGNS:
            return bool(reading.signs) or reading.level.rank <= Level.URGENT.rank
        case Answer.SIGNS:
            return bool(reading.signs) or raised is not None
        case Answer.CLARIFY:
            return reading.score is not None or bool(reading.signs) or raised is not None
        case _:
            return False


def act_on_silence(sessions: Sessions, rules: Rules, now: datetime, *, limit: int = 50) -> int:
    """Do what each question calls for whose time for an answer is over; return how many.

    Any number of workers may do this: a reply is locked and looked at again before it is acted
    upon, in a transaction of its own.
    """
    with sessions() as db:
        due = db.execute(
            select(Reply.id, Reply.address_id)
            .where(Reply.act_at <= now)
            .order_by(Reply.act_at)
            .limit(limit)
        ).all()
    acted = 0
    for reply_id, address_id in due:
        try:
            with sessions.begin() as db:
                acted += _act(db, reply_id, address_id, rules, now)
        except Exception as problem:  # One that fails must not hold up the others.
            _log.error("silence_not_acted_on", reply=str(reply_id), problem=type(problem).__name__)
    return acted


def _act(db: Session, reply_id: UUID, address_id: UUID, rules: Rules, now: datetime) -> bool:
    # The address first, as whoever takes in a reply does.
    address = lock_address(db, address_id)
    reply = db.get_one(Reply, reply_id, with_for_update=True)
    if reply.act_at is None or reply.act_at > now:
        return False
    reply.act_at = None
    clinic = db.get_one(Clinic, reply.clinic_id)
    who = who_wrote(db, address, reply.received_at)
    if who.patient is None and reply.patient_id is not None:
        who = as_patient(db, who, db.get_one(Patient, reply.patient_id), reply.received_at)
    silence = _Silence(clinic, reply, who, rules, now)
    _ACTS[Answer(reply.answer or Answer.NONE)](db, silence)
    return True


@dataclass(frozen=True)
class _Silence:
    """A reply whose question nobody answered in time, and all that acting on it needs."""

    clinic: Clinic
    reply: Reply
    who: Correspondent
    rules: Rules
    now: datetime


_Act = Callable[[Session, _Silence], None]


def _promise_the_call(db: Session, silence: _Silence) -> None:
    """The signs stayed unanswered after a routine pain answer: tell the patient of the call."""
    flag = waiting_flag(db, silence.who)
    if flag is not None:
        _answer(db, silence, "routine", Raised(flag, added=True))


def _take_for_b(db: Session, silence: _Silence) -> None:
    """A "yes" to the signs that never said which one is read as B, numb, tingly or weak (C4)."""
    reading = _silence(silence.reply, Level.URGENT, "nerve", "signs_not_named")
    raised = raise_flag(
        db, silence.clinic, silence.reply, silence.who, reading, silence.rules, silence.now
    )
    if not raised.added:
        _answer(db, silence, "urgent", raised)


def _phone_now(db: Session, silence: _Silence) -> None:
    """A doubt about an emergency that the patient did not clear up: somebody phones now (C3)."""
    flag = _standing_flag(db, silence.reply, silence.who)
    if flag is None:
        return
    reading = _silence(silence.reply, Level.EMERGENCY, "safety_check_unanswered")
    raise_level(db, silence.clinic, flag, silence.reply, reading, silence.rules, silence.now)
    flag.due_at = min(flag.due_at, silence.now)


def _put_before_a_person(db: Session, silence: _Silence) -> None:
    """Words that nobody understood, and that the patient did not explain."""
    reading = _silence(silence.reply, Level.ROUTINE, "unclear")
    raise_flag(db, silence.clinic, silence.reply, silence.who, reading, silence.rules, silence.now)


def _see_that_it_arrived(db: Session, silence: _Silence) -> None:
    """An emergency's answer that does not arrive: staff must know at once (C1)."""
    message = db.scalar(
        select(Message)
        .where(Message.reply_id == silence.reply.id, Message.key == silence.reply.answer)
        .limit(1)
    )
    if message is None or message.state is MessageState.DELIVERED:
        return
    waited = silence.now - silence.reply.received_at >= ARRIVAL_GIVEN_UP
    if message.state not in _FAILED and not waited:
        silence.reply.act_at = silence.now + ARRIVAL_WAIT
        return
    if message.state is MessageState.ACCEPTED:
        return  # The provider has it, and sends no receipts; should one say otherwise, that flags.
    flag = _standing_flag(db, silence.reply, silence.who)
    if flag is None:
        return
    flag.categories = [*flag.categories, "answer_not_delivered"]
    flag.reason = f"{flag.reason}. The emergency message did not reach the patient: phone now."
    sound_alarm(flag, silence.now)
    audit.record(
        db,
        clinic_id=silence.clinic.id,
        at=silence.now,
        actor="worker",
        action="emergency_answer_failed",
        subject=f"flag:{flag.id}",
        message=str(message.id),
    )


def _answer(db: Session, silence: _Silence, key: str, raised: Raised) -> None:
    """Promise the call, in the words for when nobody is at work if need be."""
    clinic, who, rules, now = silence.clinic, silence.who, silence.rules, silence.now
    in_care = who.patient is None or who.patient.in_care()
    if who.address.opted_out_at is not None or not in_care:
        return
    worded = key if rules.is_open(now, clinic.facts()) else f"{key}_closed"
    plan_text(db, clinic, silence.reply, who, worded, raised.flag.level, raised, rules, now)


_ACTS: dict[Answer, _Act] = {
    Answer.SIGNS: _promise_the_call,
    Answer.CLARIFY_SIGNS: _take_for_b,
    Answer.SAFETY_CHECK: _phone_now,
    Answer.CLARIFY: _put_before_a_person,
    **dict.fromkeys(_MUST_ARRIVE, _see_that_it_arrived),
}


def _standing_flag(db: Session, reply: Reply, who: Correspondent) -> Flag | None:
    """The flag that a reply raised or joined, unless a call has ended it."""
    own = db.scalar(
        select(Flag).where(Flag.reply_id == reply.id, Flag.kind == REPLY).with_for_update()
    )
    if own is None:
        return waiting_flag(db, who)
    return own if own.closed_at is None else None


def _silence(reply: Reply, level: Level, *categories: str) -> Reading:
    return Reading(
        level=level,
        categories=categories,
        score=None,
        opt_out=False,
        findings=(),
        signs=(),
        answer=Answer.NONE,
        rules_version=reply.rules_version or "",
    )
