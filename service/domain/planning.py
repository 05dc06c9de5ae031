"""What a session's patient is sent, and when: the protocol becomes dated messages and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.domain.arranging import Case, arrange
from service.domain.conditions import (
    channels_of,
    consented_channels,
    drinks_freely,
    heat_ice_conflict,
    is_asked_for,
    is_chest_adjacent,
)
from service.domain.deadlines import next_opening
from service.domain.placing import (
    moment_in_window,
    planned_message,
    timing_before_visit,
    why_moved,
)
from service.domain.protocol.model import PlannedWhen, Protocol, Step
from service.domain.values import (
    ClinicFacts,
    MessageState,
    PatientFacts,
    Plan,
    PlannedMessage,
    SessionFacts,
    StaffTask,
)
from service.domain.windows import zone_named


def zone_of(patient: PatientFacts, clinic: ClinicFacts) -> ZoneInfo:
    """The patient's time zone, or the clinic's; raises `UnknownTimeZone`."""
    return zone_named(patient.time_zone or clinic.time_zone)


def plan_messages(
    session: SessionFacts,
    patient: PatientFacts,
    clinic: ClinicFacts,
    protocol: Protocol,
    *,
    saved_at: datetime,
    welcomed: bool,
) -> Plan:
    """Return every message the protocol asks for, in sending order, and the tasks for staff.

    `welcomed` says that the patient had the welcome before. Nudges and the closing message are
    planned too; an answer cancels them. Raises `UnknownTimeZone`, and `KeyError` for a region that
    the protocol does not know.
    """
    case = Case(session, patient, clinic, protocol, zone_of(patient, clinic), saved_at)
    steps = [
        step
        for step in protocol.steps
        if step.planned is PlannedWhen.WITH_SESSION
        and is_asked_for(step, session, patient, protocol, welcomed=welcomed)
    ]
    messages: list[PlannedMessage] = []
    for channel in consented_channels(patient):
        messages += arrange(
            case, channel, [step for step in steps if channel in channels_of(step, patient)]
        )
    order = {step.key: index for index, step in enumerate(protocol.steps)}
    messages.sort(key=lambda message: (message.send_at, order[message.key]))
    return Plan(protocol.version, tuple(messages), tuple(_tasks(case, steps, messages)))


def plan_visit_reminder(
    visit_at: datetime,
    patient: PatientFacts,
    clinic: ClinicFacts,
    protocol: Protocol,
    *,
    booked_at: datetime,
) -> PlannedMessage | None:
    """The reminder on the evening before a booked visit, or None when there is none to send.

    For clinics that switched it on; it is no part of a session's plan (`clinical-protocol` A).
    """
    step = protocol.step("pre_visit")
    channels = channels_of(step, patient)
    if not channels or not drinks_freely(patient):
        return None
    zone = zone_of(patient, clinic)
    timing = timing_before_visit(step, visit_at, zone)
    room = protocol.limits.room_before_closing
    send_at = moment_in_window(
        step, timing, zone, earliest=booked_at, not_before=booked_at, room=room
    )
    if send_at is None:
        return None
    reason = why_moved(step, timing.due_at, send_at, zone, saved_at=booked_at)
    return planned_message(
        step, channels[0], step.wording.usual, {}, timing, send_at=send_at, zone=zone, reason=reason
    )


def phone_tasks(
    session: SessionFacts, clinic: ClinicFacts, protocol: Protocol, *, now: datetime, reason: str
) -> tuple[StaffTask, ...]:
    """The calls that take the place of the check-ins of a patient who gets no messages."""
    return tuple(
        _phone_task(step, session, clinic, now, reason) for step in protocol.steps if step.if_missed
    )


def no_reply_task(
    messages: Sequence[PlannedMessage],
    session: SessionFacts,
    clinic: ClinicFacts,
    protocol: Protocol,
) -> StaffTask:
    """The call to a patient who answered neither check-in, after the last nudge.

    First-timers and patients with needles near the lung are rung first (`clinical-protocol` A).
    """
    rule = protocol.no_reply_task
    asked = [message for message in messages if message.key == rule.following]
    # Patients without texts get no nudge: theirs counts from when the session's nudge was useful.
    last = max((message.send_at for message in asked), default=None)
    if last is None:
        useful = protocol.step(rule.following).useful_until.after or timedelta(0)
        last = session.ended_at + useful - rule.wait
    return StaffTask(
        key="no_reply",
        due_at=next_opening(last + rule.wait, clinic),
        reason="The patient answered neither check-in.",
        on_top=session.first_session or is_chest_adjacent(session, protocol),
    )


def _tasks(
    case: Case, steps: Sequence[Step], messages: Sequence[PlannedMessage]
) -> list[StaffTask]:
    """What staff must do: look at a plan that clashes, ring where no check-in can go."""
    tasks = []
    conflict = heat_ice_conflict(case.session, case.patient, case.protocol)
    if conflict:
        tasks.append(
            StaffTask("heat_ice_conflict", next_opening(case.saved_at, case.clinic), conflict)
        )
    if not messages:
        reason = "The patient gets no messages: please phone."
        return [
            *tasks,
            *phone_tasks(
                case.session, case.clinic, case.protocol, now=case.saved_at, reason=reason
            ),
        ]
    for step in steps:
        sent = [m for m in messages if m.key == step.key and m.state is MessageState.PLANNED]
        if step.if_missed and not sent:
            reason = "The check-in cannot be sent in time: please phone."
            tasks.append(_phone_task(step, case.session, case.clinic, case.saved_at, reason))
    return tasks


def _phone_task(
    step: Step, session: SessionFacts, clinic: ClinicFacts, now: datetime, reason: str
) -> StaffTask:
    """The call in place of a check-in: when that was due, or now, in business hours."""
    due_at = session.ended_at + (step.due.after or timedelta(0))
    return StaffTask(step.if_missed or step.key, next_opening(max(due_at, now), clinic), reason)
