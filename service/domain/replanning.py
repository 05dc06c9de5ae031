"""What becomes of planned messages after a delay, an answer, a correction or a newer session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from service.domain.deadlines import flag_deadline, next_opening
from service.domain.placing import send_before
from service.domain.planning import plan_messages
from service.domain.protocol.model import Protocol, Step
from service.domain.values import (
    ClinicFacts,
    Level,
    MessageKind,
    MessageState,
    PatientFacts,
    PlannedMessage,
    SessionFacts,
    StaffTask,
)
from service.domain.windows import local_day, next_allowed

TOO_LATE = "Not sent: it would have come too late to be useful."
TOO_LATE_TODAY = "Not sent: tips are not carried over to another day."
FLAG_OPEN = "Not sent: tips wait while an urgent flag is open."
NUDGED_TODAY = "Not sent: the patient is asked again about the check-in on that day."
MOVED_ON = "Moved: it could not be sent in its first window."
KEPT_APART = "Moved later: messages to a patient are kept an hour apart."
ANSWERING = "Moved later: the patient was just answering."

A_REAL_RISE = 2
"""Points on the pain scale that count as a real change (`clinical-protocol` C4)."""


@dataclass(frozen=True)
class Stays:
    """The message goes out as planned."""


@dataclass(frozen=True)
class Moved:
    """The message goes out later; times are aware UTC."""

    send_at: datetime
    send_before: datetime
    reason: str


@dataclass(frozen=True)
class Dropped:
    """The message does not go out; for a check-in somebody phones instead."""

    reason: str
    task: StaffTask | None = None


Verdict = Stays | Moved | Dropped


@dataclass(frozen=True)
class Supersession:
    """What a newer session changes about an older one.

    `cancelled` are the older session's messages that are not sent any more. `ask_about_last` puts
    "Did pain from the last session ease?" on the therapist's screen: the day-4 question will not
    be asked. `task` is there when pain before the new session had risen.
    """

    cancelled: tuple[PlannedMessage, ...]
    ask_about_last: bool
    task: StaffTask | None


def rejudge(
    message: PlannedMessage,
    now: datetime,
    *,
    protocol: Protocol,
    zone: ZoneInfo,
    clinic: ClinicFacts,
    siblings: Iterable[PlannedMessage] = (),
    last_text_at: datetime | None = None,
    urgent_flag_open: bool = False,
) -> Verdict:
    """Decide about a planned message that is about to be sent, or whose window has passed.

    A tip is sent on its day or skipped. Anything else moves to its next window while it is useful;
    a check-in that cannot becomes a call (`reliability` T4, T5). `siblings` are the session's other
    messages, `last_text_at` is when the patient was last sent a scheduled one.
    """
    step = protocol.step(message.key)
    if message.kind is MessageKind.TIP:
        if urgent_flag_open:
            return Dropped(FLAG_OPEN)
        if _yields(step, siblings, now, zone):
            return Dropped(NUDGED_TODAY)
    if last_text_at is not None and not step.outside_limits:
        free = last_text_at + protocol.limits.spacing
        if free > max(now, message.send_at):
            return _moved(message, step, free, zone, clinic, KEPT_APART)
    if now < message.send_before:
        return Stays()
    return _moved(message, step, now, zone, clinic, MOVED_ON)


def move_tip_after_answer(
    message: PlannedMessage,
    answered_at: datetime,
    *,
    protocol: Protocol,
    zone: ZoneInfo,
    clinic: ClinicFacts,
) -> Verdict:
    """Keep a tip from interrupting a patient who just wrote; other messages stay."""
    free = answered_at + protocol.limits.delay_after_answer
    if message.kind is not MessageKind.TIP or message.send_at >= free:
        return Stays()
    return _moved(message, protocol.step(message.key), free, zone, clinic, ANSWERING)


def cancelled_by_answer(key: str, protocol: Protocol) -> frozenset[str]:
    """The keys of the messages that an answer to this check-in, or to its nudge, makes needless."""
    checkin = protocol.step(key).due.following or key
    return frozenset(step.key for step in protocol.steps if checkin in step.cancelled_by)


def replan_for_new_end(
    session: SessionFacts,
    patient: PatientFacts,
    clinic: ClinicFacts,
    protocol: Protocol,
    messages: Sequence[PlannedMessage],
    *,
    now: datetime,
    last_text_at: datetime | None = None,
) -> tuple[PlannedMessage, ...]:
    """The unsent messages of a session whose end time was corrected, at their new times.

    `session` has the corrected time, `messages` are all it had. What went out or was cancelled
    stays as it is, the nudge of a check-in that went out as well; so does the welcome.
    """
    free = now if last_text_at is None else max(now, last_text_at + protocol.limits.spacing)
    plan = plan_messages(session, patient, clinic, protocol, saved_at=free, welcomed=True)
    unsent = {(m.key, m.channel) for m in messages if _is_unsent(m)}
    went_out = {m.key for m in messages if not _is_unsent(m)}
    return tuple(
        message
        for message in plan.messages
        if (message.key, message.channel) in unsent
        and protocol.step(message.key).due.following not in went_out
    )


def superseded(
    messages: Sequence[PlannedMessage],
    older: SessionFacts,
    newer: SessionFacts,
    clinic: ClinicFacts,
    protocol: Protocol,
    *,
    now: datetime,
) -> Supersession:
    """What a newer session cancels of an older one's `messages` (`clinical-protocol` D).

    Safety texts and the welcome still go out, and a check-in that went out stays open until its
    end. Pain before the new session that is 2 or more above the old is a task at once.
    """
    cancelled = tuple(
        message
        for message in messages
        if message.state is MessageState.PLANNED
        and message.kind is not MessageKind.SAFETY
        and not protocol.step(message.key).outside_limits
    )
    last_question = [step.key for step in protocol.steps if step.if_missed][-1]
    return Supersession(
        cancelled=cancelled,
        ask_about_last=any(message.key == last_question for message in cancelled),
        task=_task_for_a_rise(older, newer, clinic, now),
    )


def _task_for_a_rise(
    older: SessionFacts, newer: SessionFacts, clinic: ClinicFacts, now: datetime
) -> StaffTask | None:
    before, after = older.baseline_pain, newer.baseline_pain
    if before is None or after is None or after < before + A_REAL_RISE:
        return None
    return StaffTask(
        key="worsening_pain",
        due_at=flag_deadline(Level.ROUTINE, now, clinic),
        reason=f"Pain before this session is {after}; before the last one it was {before}.",
    )


def _moved(
    message: PlannedMessage,
    step: Step,
    earliest: datetime,
    zone: ZoneInfo,
    clinic: ClinicFacts,
    reason: str,
) -> Moved | Dropped:
    """The message in its first window from `earliest` on, a tip on its day only."""
    moment = earliest if step.window is None else next_allowed(earliest, step.window, zone)
    if moment >= message.useful_until:
        return Dropped(TOO_LATE, _call_instead(step, earliest, clinic))
    same_day = local_day(moment, zone) == local_day(message.send_at, zone)
    # Another day has its own messages, and limits to keep.
    if message.kind is MessageKind.TIP and not same_day:
        return Dropped(TOO_LATE_TODAY)
    return Moved(moment, send_before(step, moment, message.useful_until, zone), reason)


def _call_instead(step: Step, now: datetime, clinic: ClinicFacts) -> StaffTask | None:
    if step.if_missed is None:
        return None
    reason = "The check-in could not be sent in time: please phone."
    return StaffTask(step.if_missed, next_opening(now, clinic), reason)


def _yields(step: Step, siblings: Iterable[PlannedMessage], now: datetime, zone: ZoneInfo) -> bool:
    """Whether the nudge that this step gives way to goes out, or went out, today."""
    today = local_day(now, zone)
    return any(
        other.key == step.yields_to
        and other.state not in (MessageState.SKIPPED, MessageState.CANCELLED)
        and local_day(other.send_at, zone) == today
        for other in siblings
    )


def _is_unsent(message: PlannedMessage) -> bool:
    return message.state in (MessageState.PLANNED, MessageState.SKIPPED)
