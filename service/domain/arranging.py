"""How the messages of one channel find their places: in order, apart, and not too many a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.conditions import slots_for, wording_for
from service.domain.deadlines import is_open_day
from service.domain.placing import (
    SAVED_TOO_LATE,
    TOO_LATE,
    Timing,
    moment_in_window,
    planned_message,
    skipped_message,
    timing_after_session,
    timing_of_nudge,
    why_moved,
)
from service.domain.protocol.model import Protocol, Step
from service.domain.values import (
    Channel,
    ClinicFacts,
    MessageState,
    PatientFacts,
    PlannedMessage,
    SessionFacts,
)
from service.domain.windows import closing, local_day, next_allowed, zone_named

OPEN_DAY_INSTEAD = "Moved earlier: the clinic is closed on day 4."
CHECKIN_CAME_FIRST = "Not sent: the day-4 check-in was moved to day 3, an open day."
NO_CHECKIN = "Not sent: its check-in is not sent either."
NO_ROOM = "Not sent: there is no room for it between other messages."
FULL_DAY = "Not sent: the patient already gets enough messages on that day."


@dataclass(frozen=True)
class Case:
    """One session with all that decides its plan."""

    session: SessionFacts
    patient: PatientFacts
    clinic: ClinicFacts
    protocol: Protocol
    zone: ZoneInfo
    """The patient's."""
    saved_at: datetime

    @property
    def ended_at(self) -> datetime:
        return self.session.ended_at

    @property
    def spacing(self) -> timedelta:
        return self.protocol.limits.spacing


def arrange(case: Case, channel: Channel, steps: Sequence[Step]) -> list[PlannedMessage]:
    """All messages on one channel, in the schedule's order.

    Safety texts and check-ins are placed first; the others go between them, in order.
    """
    firm = _firm_messages(case, channel, [step for step in steps if not step.is_tip_like])
    dropped = _steps_overtaken(steps, firm)
    messages: list[PlannedMessage] = []
    for index, step in enumerate(steps):
        if step.key in firm:
            messages.append(firm[step.key])
            continue
        ahead = [firm[later.key] for later in steps[index:] if later.key in firm]
        if step.key in dropped:
            messages.append(_skipped(case, step, channel, _timing(case, step), CHECKIN_CAME_FIRST))
        elif step.outside_limits:
            messages.append(_placed(case, step, channel, _timing(case, step), case.saved_at))
        else:
            messages.append(_between(case, step, channel, messages, ahead))
    # The limits are for texts: several emails on one day disturb nobody.
    return _within_daily_limits(case, messages) if channel is Channel.SMS else messages


def _firm_messages(
    case: Case, channel: Channel, steps: Sequence[Step]
) -> dict[str, PlannedMessage]:
    """Safety texts, check-ins and nudges, by key; only each other's spacing holds them back."""
    firm: dict[str, PlannedMessage] = {}
    for step in steps:
        earliest = _after(case, list(firm.values()))
        timing = _timing(case, step)
        if step.due.following is not None:
            checkin = firm[step.due.following]
            timing = timing_of_nudge(step, checkin.send_at, case.ended_at, case.zone)
            if checkin.state is MessageState.SKIPPED:
                firm[step.key] = _skipped(case, step, channel, timing, NO_CHECKIN)
                continue
        message = _placed(case, step, channel, timing, earliest)
        firm[step.key] = _on_an_open_day(case, step, message, earliest)
    return firm


def _on_an_open_day(
    case: Case, step: Step, message: PlannedMessage, earliest: datetime
) -> PlannedMessage:
    """The same check-in on an open day before, when its own day is closed and one is in reach."""
    rule = step.closed_days
    if rule is None or step.window is None or message.state is MessageState.SKIPPED:
        return message
    if is_open_day(_clinic_day(case, message.send_at), case.clinic):
        return message
    moment = max(case.ended_at + rule.down_to, earliest)
    while moment < message.send_at:
        moment = next_allowed(moment, step.window, case.zone)
        if moment < message.send_at and is_open_day(_clinic_day(case, moment), case.clinic):
            timing = Timing(message.due_at, message.useful_until)
            return _sent_at(case, step, message.channel, timing, moment, OPEN_DAY_INSTEAD)
        moment = closing(moment, step.window, case.zone)
    return message


def _steps_overtaken(steps: Iterable[Step], firm: dict[str, PlannedMessage]) -> set[str]:
    """The steps that a check-in moved to an open day leaves no place for."""
    moved = [
        step.closed_days
        for step in steps
        if step.closed_days and firm[step.key].reason == OPEN_DAY_INSTEAD
    ]
    return {key for rule in moved for key in rule.skips}


def _between(
    case: Case,
    step: Step,
    channel: Channel,
    behind: Sequence[PlannedMessage],
    ahead: Sequence[PlannedMessage],
) -> PlannedMessage:
    """A message after those that come before it in the schedule, and before those that follow."""
    message = _placed(case, step, channel, _timing(case, step), _after(case, behind))
    following = [other.send_at for other in ahead if other.state is MessageState.PLANNED]
    if message.state is MessageState.PLANNED and following:
        latest = min(following) - case.spacing
        if message.send_at > latest:
            timing = Timing(message.due_at, message.useful_until)
            return _skipped(case, step, channel, timing, NO_ROOM)
    return message


def _after(case: Case, messages: Sequence[PlannedMessage]) -> datetime:
    """The first moment at which another message keeps its distance from all of these."""
    counted = [
        message.send_at + case.spacing for message in messages if _counts(case.protocol, message)
    ]
    return max([case.saved_at, *counted])


def _within_daily_limits(case: Case, messages: list[PlannedMessage]) -> list[PlannedMessage]:
    """The same messages, the least needed skipped on days that have too many."""
    limits = case.protocol.limits
    day_0 = local_day(case.ended_at, case.zone)
    by_day: dict[date, list[str]] = defaultdict(list)
    for message in messages:
        if _counts(case.protocol, message) and not case.protocol.step(message.key).is_nudge:
            by_day[local_day(message.send_at, case.zone)].append(message.key)
    too_many = set()
    for day, keys in by_day.items():
        excess = len(keys) - limits.texts_on_day((day - day_0).days)
        can_go = [key for key in limits.first_to_go if key in keys]
        too_many.update(can_go[: max(excess, 0)])
    return [
        replace(
            message,
            state=MessageState.SKIPPED,
            send_at=message.due_at,
            send_before=max(message.due_at, message.useful_until),
            reason=FULL_DAY,
        )
        if message.key in too_many
        else message
        for message in messages
    ]


def _counts(protocol: Protocol, message: PlannedMessage) -> bool:
    """Whether a message takes part in spacing and daily limits."""
    skipped = message.state is MessageState.SKIPPED
    return not skipped and not protocol.step(message.key).outside_limits


def _timing(case: Case, step: Step) -> Timing:
    return timing_after_session(step, case.ended_at, case.zone, saved_at=case.saved_at)


def _clinic_day(case: Case, moment: datetime) -> date:
    return local_day(moment, zone_named(case.clinic.time_zone))


def _placed(
    case: Case, step: Step, channel: Channel, timing: Timing, earliest: datetime
) -> PlannedMessage:
    """The message at its moment from `earliest` on, or skipped when it has none."""
    moment = moment_in_window(
        step,
        timing,
        case.zone,
        earliest=earliest,
        not_before=case.ended_at + step.not_before,
        room=case.protocol.limits.room_before_closing,
    )
    if moment is None:
        missed = timing.useful_until <= case.saved_at
        return _skipped(case, step, channel, timing, SAVED_TOO_LATE if missed else TOO_LATE)
    reason = why_moved(step, timing.due_at, moment, case.zone, saved_at=case.saved_at)
    return _sent_at(case, step, channel, timing, moment, reason)


def _sent_at(
    case: Case, step: Step, channel: Channel, timing: Timing, send_at: datetime, reason: str | None
) -> PlannedMessage:
    wording = wording_for(step, case.session, case.patient, case.protocol)
    slots = slots_for(step, case.session, case.patient, case.protocol)
    return planned_message(
        step, channel, wording, slots, timing, send_at=send_at, zone=case.zone, reason=reason
    )


def _skipped(
    case: Case, step: Step, channel: Channel, timing: Timing, reason: str
) -> PlannedMessage:
    wording = wording_for(step, case.session, case.patient, case.protocol)
    slots = slots_for(step, case.session, case.patient, case.protocol)
    return skipped_message(step, channel, wording, slots, timing, reason=reason)
