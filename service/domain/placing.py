"""When one message is due, how long it is useful, and at which moment its window lets it go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.protocol.model import Step
from service.domain.values import Channel, MessageState, PlannedMessage
from service.domain.windows import (
    Window,
    at_local_time,
    closing,
    is_allowed,
    local_day,
    next_allowed,
    previous_allowed,
)

A_DAY = timedelta(days=1)

MOVED_EARLIER = "Moved earlier: it is due outside the hours for this message."
MOVED_LATER = "Moved later: it is due outside the hours for this message."
KEPT_APART = "Moved later: messages to a patient are kept an hour apart."
DUE_BEFORE_SAVED = "It was due before the session was saved."
TOO_LATE = "Not sent: it could not arrive while it is useful."
SAVED_TOO_LATE = "Not sent: the session was saved when this was no longer useful."


@dataclass(frozen=True)
class Timing:
    """When a message is due and from when on it is useless; aware UTC."""

    due_at: datetime
    useful_until: datetime


def timing_after_session(
    step: Step, ended_at: datetime, zone: ZoneInfo, *, saved_at: datetime
) -> Timing:
    """The timing of a step that counts from the session's end, or from its record."""
    due = step.due
    if due.after is not None:
        return _timing(step, ended_at + due.after, ended_at, zone)
    if due.next_day_at is not None:
        tomorrow = local_day(ended_at, zone) + A_DAY
        morning = at_local_time(tomorrow, due.next_day_at, zone)
        return _timing(step, max(morning, ended_at + due.at_least), ended_at, zone)
    return _timing(step, saved_at, ended_at, zone)


def timing_of_nudge(step: Step, checkin_at: datetime, ended_at: datetime, zone: ZoneInfo) -> Timing:
    """The timing of a nudge: the local day after its check-in goes out."""
    if step.due.next_day_at is None:
        raise ValueError(f"{step.key} is not a nudge")
    tomorrow = local_day(checkin_at, zone) + A_DAY
    return _timing(step, at_local_time(tomorrow, step.due.next_day_at, zone), ended_at, zone)


def timing_before_visit(step: Step, visit_at: datetime, zone: ZoneInfo) -> Timing:
    """The timing of a reminder: the evening before a booked visit."""
    if step.due.day_before_at is None:
        raise ValueError(f"{step.key} is not for a booked visit")
    eve = local_day(visit_at, zone) - A_DAY
    return Timing(at_local_time(eve, step.due.day_before_at, zone), visit_at)


def moment_in_window(
    step: Step,
    timing: Timing,
    zone: ZoneInfo,
    *,
    earliest: datetime,
    not_before: datetime,
    room: timedelta,
) -> datetime | None:
    """When the message goes out, or None when there is no moment at which it is still useful.

    `earliest` holds back a message that is due before it; `not_before` is how early one that is due
    outside its window may leave, which it does `room` before the window closes.
    """
    wanted = max(timing.due_at, earliest)
    moment: datetime | None = wanted
    if step.window is not None and not is_allowed(wanted, step.window, zone):
        moment = None
        if step.slide.may_be_earlier:
            moment = _earlier(wanted, step.window, zone, max(earliest, not_before), room)
        if moment is None and step.slide.may_be_later:
            moment = next_allowed(wanted, step.window, zone)
    return moment if moment is not None and moment < timing.useful_until else None


def send_before(step: Step, send_at: datetime, useful_until: datetime, zone: ZoneInfo) -> datetime:
    """The end of the window in which a message goes out, or of its usefulness if that is sooner."""
    if step.window is None:
        return useful_until
    return min(closing(send_at, step.window, zone), useful_until)


def planned_message(
    step: Step,
    channel: Channel,
    wording: str,
    slots: dict[str, str],
    timing: Timing,
    *,
    send_at: datetime,
    zone: ZoneInfo,
    reason: str | None,
) -> PlannedMessage:
    """A message that will go out; `reason` says why not exactly when it is due."""
    return PlannedMessage(
        key=step.key,
        kind=step.kind,
        channel=channel,
        wording=wording,
        due_at=timing.due_at,
        send_at=send_at,
        send_before=send_before(step, send_at, timing.useful_until, zone),
        useful_until=timing.useful_until,
        state=MessageState.PLANNED,
        reason=reason,
        slots=slots,
    )


def skipped_message(
    step: Step,
    channel: Channel,
    wording: str,
    slots: dict[str, str],
    timing: Timing,
    *,
    reason: str,
) -> PlannedMessage:
    """A message that will not go out; its times are those at which it was due and useful."""
    return PlannedMessage(
        key=step.key,
        kind=step.kind,
        channel=channel,
        wording=wording,
        due_at=timing.due_at,
        send_at=timing.due_at,
        send_before=max(timing.due_at, timing.useful_until),
        useful_until=timing.useful_until,
        state=MessageState.SKIPPED,
        reason=reason,
        slots=slots,
    )


def why_moved(
    step: Step, due_at: datetime, send_at: datetime, zone: ZoneInfo, *, saved_at: datetime
) -> str | None:
    """Why a message goes out when it does, in words for the clinic; None when it is on time."""
    if send_at == due_at:
        return None
    if send_at < due_at:
        return MOVED_EARLIER
    if due_at < saved_at:
        return DUE_BEFORE_SAVED
    if step.window is not None and not is_allowed(due_at, step.window, zone):
        return MOVED_LATER
    return KEPT_APART


def _timing(step: Step, due_at: datetime, ended_at: datetime, zone: ZoneInfo) -> Timing:
    useful = step.useful_until
    if useful.after is not None:
        return Timing(due_at, ended_at + useful.after)
    if useful.after_due is not None:
        return Timing(due_at, due_at + useful.after_due)
    if useful.same_day_at is not None:
        return Timing(due_at, at_local_time(local_day(due_at, zone), useful.same_day_at, zone))
    raise ValueError(f"{step.key} is useful until a visit, which a session does not have")


def _earlier(
    wanted: datetime, window: Window, zone: ZoneInfo, not_before: datetime, room: timedelta
) -> datetime | None:
    """The end of the window before `wanted`, less some room for the message to get out in."""
    last = previous_allowed(wanted, window, zone)
    moment = max(closing(last, window, zone) - room, not_before)
    return moment if moment <= last and is_allowed(moment, window, zone) else None
