"""The protocol tried on an invented patient: what they would get, when and in which words."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from service.domain.planning import plan_messages
from service.domain.protocol import load_protocol
from service.domain.slots import MissingSlot
from service.domain.values import (
    Channel,
    Consents,
    HealthFlag,
    HeatIcePlan,
    Language,
    MessageState,
    PatientFacts,
    PlannedMessage,
    SessionFacts,
    TriggerPoints,
)
from service.domain.windows import zone_named
from service.pathway.composing import email_of, text_of
from service.pathway.previews import NO_LINKS
from service.store.clinics import Clinic


@dataclass(frozen=True)
class Invented:
    """A patient that there is not, and their session."""

    ended_at: datetime
    region: str
    language: Language = Language.EN
    channel: Channel = Channel.SMS
    first_session: bool = True
    trigger_points: TriggerPoints = TriggerPoints.LOW
    plan: HeatIcePlan = HeatIcePlan.EITHER
    health_flags: frozenset[HealthFlag] = frozenset()
    guardian: bool = False


@dataclass(frozen=True)
class InventedLine:
    """One message of the plan; `segments` of a text only. `at` is in the clinic's zone."""

    key: str
    channel: Channel
    language: Language
    at: datetime
    is_ahead: bool
    reason: str | None
    words: str | None
    septets: int | None = None
    segments: int | None = None


@dataclass(frozen=True)
class InventedPlan:
    """What would follow from the session."""

    lines: tuple[InventedLine, ...]
    tasks: tuple[str, ...]
    segments: int


@dataclass(frozen=True)
class _Worded:
    wording: str
    language: Language
    protocol_version: int
    slots: dict[str, str] = field(default_factory=dict)


def try_on(clinic: Clinic, invented: Invented, version: int, now: datetime) -> InventedPlan:
    """Plan it as enrolling on a version would; nothing is stored.

    Raises `KeyError` for an unknown region.
    """
    by_text = invented.channel is Channel.SMS
    session = SessionFacts(
        ended_at=invented.ended_at,
        regions=(invented.region,),
        baseline_pain=5,
        first_session=invented.first_session,
        trigger_points=invented.trigger_points,
        plan=invented.plan,
        move_plan=None,
    )
    patient = PatientFacts(
        language=invented.language,
        channel=invented.channel,
        consents=Consents(sms=by_text, email=not by_text, details=True),
        health_flags=invented.health_flags,
        guardian=invented.guardian,
    )
    plan = plan_messages(
        session,
        patient,
        clinic.facts(),
        load_protocol(version),
        saved_at=now,
        welcomed=not invented.first_session,
    )
    zone = zone_named(clinic.time_zone)
    lines = tuple(
        _line(message, invented.language, version, clinic, zone) for message in plan.messages
    )
    return InventedPlan(
        lines,
        tuple(task.reason for task in plan.tasks),
        sum(line.segments or 0 for line in lines if line.is_ahead),
    )


def _line(
    message: PlannedMessage, language: Language, version: int, clinic: Clinic, zone: ZoneInfo
) -> InventedLine:
    ahead = message.state is MessageState.PLANNED
    worded = _Worded(message.wording, language, version, message.slots)
    words, took = _words(worded, message.channel, clinic, zone)
    return InventedLine(
        message.key,
        message.channel,
        language,
        message.send_at.astimezone(zone),
        ahead,
        message.reason,
        words,
        *took,
    )


def _words(
    worded: _Worded, channel: Channel, clinic: Clinic, zone: ZoneInfo
) -> tuple[str | None, tuple[int, int] | tuple[()]]:
    try:
        if channel is Channel.SMS:
            body = text_of(worded, clinic, zone)
            return body.text, (body.septets, body.segments)
        email = email_of(worded, clinic, zone, NO_LINKS)
    except MissingSlot:
        return None, ()
    return f"{email.subject}\n\n{email.text}", ()
