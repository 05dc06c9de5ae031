"""Sessions, patients and clinics for the planning tests; all but the named details are ordinary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.planning import plan_messages
from service.domain.protocol import Protocol, load_protocol
from service.domain.values import (
    Channel,
    ClinicFacts,
    Consents,
    HeatIcePlan,
    Language,
    MessageState,
    PatientFacts,
    Plan,
    PlannedMessage,
    SessionFacts,
    TriggerPoints,
)

CHICAGO = ZoneInfo("America/Chicago")
CLINIC = ClinicFacts(name="Bayou Needling", phone="281-555-0100", time_zone="America/Chicago")
PROTOCOL = load_protocol(1)

MONDAY_9_AM = "2026-03-02 09:00"


def chicago(written: str) -> datetime:
    """A wall clock time in Chicago, as a moment in UTC."""
    return datetime.fromisoformat(written).replace(tzinfo=CHICAGO).astimezone(UTC)


def on_the_wall(moment: datetime, zone: ZoneInfo = CHICAGO) -> str:
    """What the clock shows then: `2026-03-02 09:00`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def a_session(ended: str | datetime = MONDAY_9_AM, **details: Any) -> SessionFacts:
    """A returning patient's thigh was needled; no word about heat, ice or moves."""
    ordinary = SessionFacts(
        ended_at=chicago(ended) if isinstance(ended, str) else ended,
        regions=("thigh",),
        baseline_pain=5,
        first_session=False,
        trigger_points=TriggerPoints.LOW,
        plan=HeatIcePlan.UNSET,
        move_plan=None,
    )
    return replace(ordinary, **details)


def a_patient(**details: Any) -> PatientFacts:
    """An English-speaking patient who gets texts and is in good health."""
    ordinary = PatientFacts(
        language=Language.EN, channel=Channel.SMS, consents=Consents(sms=True, email=False)
    )
    return replace(ordinary, **details)


BY_EMAIL = {"channel": Channel.EMAIL, "consents": Consents(sms=False, email=True)}


def a_plan(
    session: SessionFacts | None = None,
    patient: PatientFacts | None = None,
    *,
    clinic: ClinicFacts = CLINIC,
    saved_after: timedelta = timedelta(minutes=5),
    welcomed: bool = True,
    protocol: Protocol = PROTOCOL,
) -> Plan:
    """The plan of a session saved soon after its end, of a patient who was here before."""
    session = session or a_session()
    return plan_messages(
        session,
        patient or a_patient(),
        clinic,
        protocol,
        saved_at=session.ended_at + saved_after,
        welcomed=welcomed,
    )


def by_key(plan: Plan, channel: Channel | None = None) -> dict[str, PlannedMessage]:
    """The messages by key, of one channel if it is named."""
    return {m.key: m for m in plan.messages if channel is None or m.channel is channel}


def planned(plan: Plan) -> list[PlannedMessage]:
    """The messages that will go out."""
    return [message for message in plan.messages if message.state is MessageState.PLANNED]


def sent_at(plan: Plan, key: str, zone: ZoneInfo = CHICAGO) -> str:
    """When a message goes out on the wall clock, or the reason why it does not."""
    message = by_key(plan)[key]
    if message.state is MessageState.SKIPPED:
        return message.reason or "skipped without a reason"
    return on_the_wall(message.send_at, zone)
