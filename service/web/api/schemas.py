"""What the API takes: each field checked on its own, with what to do about a wrong one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from service.domain.contact import parse_email, parse_phone
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.time_zones import time_zone_names
from service.domain.values import (
    CallOutcome,
    Channel,
    Consents,
    HealthFlag,
    HeatIcePlan,
    Language,
    TriggerPoints,
)
from service.pathway.enrolment import NewPatient, NewSession


def _plain(given: str) -> str:
    """Refuse what no database and no JSON answer can carry: NUL and half characters."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in given):
        raise ValueError("has characters that cannot be stored; leave them out")
    return given


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_plain),
]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(_plain),
]
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _in_utc(given: datetime) -> datetime:
    """Take a time without a zone as UTC, like all times of this API."""
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given


def _in_our_time(given: datetime) -> datetime:
    if not _EARLIEST <= given < _LATEST:
        raise ValueError("is not a time of this century")
    return given


Region = Annotated[
    str, WithJsonSchema({"type": "string", "enum": list(load_protocol(CURRENT_VERSION).regions)})
]
"""A region's code. What is refused is named by its place in the list, so not by pydantic."""
Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
Since = Annotated[datetime, AfterValidator(_in_utc), AfterValidator(_in_our_time)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentGiven(_Given):
    """What the patient agreed to."""

    sms: bool
    email: bool = False
    details: bool = False


class PatientGiven(_Given):
    """A patient, as on the enrolment form."""

    first_name: Line
    phone: Annotated[str | None, Field(description="As people write it; US without a +.")] = None
    email: str | None = None
    language: Language = Language.EN
    time_zone: Annotated[
        str | None, Field(description="As America/Chicago; null: the clinic's.")
    ] = None
    channel: Channel = Channel.SMS
    consent: ConsentGiven
    health_flags: frozenset[HealthFlag] = frozenset()
    guardian: bool = False

    @field_validator("phone")
    @classmethod
    def _phone(cls, given: str | None) -> str | None:
        return parse_phone(given) if given else None

    @field_validator("email")
    @classmethod
    def _email(cls, given: str | None) -> str | None:
        return parse_email(given) if given else None

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, given: str | None) -> str | None:
        if given is not None and given not in time_zone_names():
            raise ValueError("is not a time zone; use a name like America/Chicago, or null")
        return given

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        needed = {
            Channel.SMS: ("phone", self.phone, self.consent.sms),
            Channel.EMAIL: ("email", self.email, self.consent.email),
        }
        for channel, (name, value, agreed) in needed.items():
            if agreed and value is None:
                raise ValueError(f"{name} is missing, but there is consent for it")
            if channel is self.channel and not agreed:
                raise ValueError(
                    f"consent.{channel} is needed to write by {channel}; ask the patient first"
                )
        return self


class SessionGiven(_Given):
    """A needling session, as on the enrolment form."""

    external_id: Line | None = None
    patient: PatientGiven
    ended_at: Moment
    regions: Annotated[list[Region], Field(min_length=1, max_length=16)]
    baseline_pain: Annotated[int, Field(ge=0, le=10)] | None = None
    first_session: bool = False
    trigger_points: TriggerPoints = TriggerPoints.LOW
    plan: HeatIcePlan = HeatIcePlan.UNSET
    move_plan: (
        Annotated[
            str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_plain)
        ]
        | None
    ) = None

    @field_validator("regions")
    @classmethod
    def _regions(cls, given: list[str]) -> list[str]:
        known = load_protocol(CURRENT_VERSION).regions
        for number, region in enumerate(given, 1):
            if region not in known:
                # What was given is not said again: it could be anything, a name as well.
                raise ValueError(f"number {number} is not a region; use any of {', '.join(known)}")
        return given

    def checked(self) -> NewSession:
        """Return the session as the pathway takes it."""
        patient = self.patient
        return NewSession(
            external_id=self.external_id,
            patient=NewPatient(
                first_name=patient.first_name,
                phone=patient.phone,
                email=patient.email,
                language=patient.language,
                time_zone=patient.time_zone,
                channel=patient.channel,
                consents=Consents(
                    sms=patient.consent.sms,
                    email=patient.consent.email,
                    details=patient.consent.details,
                ),
                health_flags=patient.health_flags,
                guardian=patient.guardian,
            ),
            ended_at=self.ended_at,
            regions=tuple(self.regions),
            baseline_pain=self.baseline_pain,
            first_session=self.first_session,
            trigger_points=self.trigger_points,
            plan=self.plan,
            move_plan=self.move_plan or None,
        )


class EndGiven(_Given):
    """When a session really ended."""

    ended_at: Moment


class CancelGiven(_Given):
    """Why a session's aftercare ends early."""

    reason: Line


class StopGiven(_Given):
    """Why nothing more is to be sent to a patient."""

    reason: Line


class CallGiven(_Given):
    """How a call went."""

    outcome: CallOutcome
    note: Words | None = None


def legible(words: object) -> object:
    """Replace what a JSON answer cannot carry: half characters may come in a patient's text."""
    return words.encode("utf-8", "replace").decode() if isinstance(words, str) else words
