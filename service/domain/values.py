"""The clinic's words as types: what every other module talks about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum


class Channel(StrEnum):
    """How a message travels."""

    SMS = "sms"
    EMAIL = "email"


class Language(StrEnum):
    """The language a patient is written to in; replies are read in both."""

    EN = "en"
    ES = "es"


class MessageKind(StrEnum):
    """What a message is for; decides its lane, its hours and what happens when it fails."""

    REMINDER = "reminder"
    SAFETY = "safety"
    TIP = "tip"
    CHECKIN = "checkin"
    REPLY = "reply"
    """An answer to something the patient just wrote; goes out at any hour."""
    NOTICE = "notice"
    """To staff, without patient details."""


class MessageState(StrEnum):
    """`planned → claimed → accepted → delivered`, and the ways it can end otherwise."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Lane(int):
    """Who goes first when a sender is busy: a smaller lane is sent before a larger one."""


LANE_REPLY = Lane(0)
LANE_CHECKIN = Lane(1)
LANE_TIP = Lane(2)
LANES = (LANE_REPLY, LANE_CHECKIN, LANE_TIP)


def lane_of(kind: MessageKind) -> Lane:
    """Replies and notices first, then check-ins and safety texts, then tips (`design.md`)."""
    if kind in (MessageKind.REPLY, MessageKind.NOTICE):
        return LANE_REPLY
    if kind in (MessageKind.CHECKIN, MessageKind.SAFETY):
        return LANE_CHECKIN
    return LANE_TIP


OPT_OUT_CONFIRMATIONS = frozenset({"stop", "stop_serious", "wrong_number"})
"""The only texts an address that has just opted out may still get, once (`clinical-protocol` B)."""


class SessionState(StrEnum):
    """Where a treatment session's aftercare stands."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    """A newer session of the same patient took over its unsent messages."""
    CANCELLED = "cancelled"


class Level(StrEnum):
    """How urgent a reply is; ordered by `rank`, most urgent first."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ROUTINE = "routine"
    OK = "ok"

    @property
    def rank(self) -> int:
        """0 for the most urgent, 3 for `ok`."""
        return _LEVEL_RANK[self]


_LEVEL_RANK = {Level.EMERGENCY: 0, Level.URGENT: 1, Level.ROUTINE: 2, Level.OK: 3}


class FlagState(StrEnum):
    """`open → owned → closed`; closing needs a call's outcome."""

    OPEN = "open"
    OWNED = "owned"
    CLOSED = "closed"


class CallOutcome(StrEnum):
    """How a call to a patient ended."""

    REACHED = "reached"
    ADVISED = "advised"
    BOOKED = "booked"
    URGENT_CARE = "urgent_care"
    EMERGENCY = "emergency"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"

    @property
    def closes(self) -> bool:
        """Nobody was spoken to after a voicemail or no answer, so the flag stays open."""
        return self not in (CallOutcome.VOICEMAIL, CallOutcome.NO_ANSWER)


class Role(StrEnum):
    """What a member of staff may do."""

    ADMIN = "admin"
    THERAPIST = "therapist"


class TriggerPoints(StrEnum):
    """How developed the trigger points were, by the therapist's judgement."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class HeatIcePlan(StrEnum):
    """What the therapist said about heat and ice."""

    HEAT = "heat"
    ICE = "ice"
    EITHER = "either"
    NONE = "none"
    UNSET = "unset"


class HealthFlag(StrEnum):
    """What changes which texts a patient may get (`clinical-protocol.md` A)."""

    FLUID_LIMIT = "fluid_limit"
    BLOOD_THINNER = "blood_thinner"
    PREGNANT = "pregnant"
    IMPAIRED_SENSATION = "impaired_sensation"
    POOR_CIRCULATION = "poor_circulation"
    FEVER = "fever"
    SKIN_INFECTION = "skin_infection"
    RAYNAUD = "raynaud"
    COLD_ALLERGY = "cold_allergy"


@dataclass(frozen=True)
class OpenHours:
    """One weekday's business hours, local time; `opens < closes`."""

    opens: time
    closes: time


@dataclass(frozen=True)
class ClinicFacts:
    """What the rules need to know of a clinic.

    `hours` maps weekday (Monday 0) to its hours; a weekday that is absent is closed.
    `holidays` are local dates on which nobody works.
    """

    name: str
    phone: str
    time_zone: str
    hours: dict[int, OpenHours] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Consents:
    """What the patient agreed to: texts, email, and treatment details in texts."""

    sms: bool
    email: bool
    details: bool = False


@dataclass(frozen=True)
class PatientFacts:
    """What the rules need to know of a patient; no name, number or address."""

    language: Language
    channel: Channel
    """The patient's preferred channel."""
    consents: Consents
    time_zone: str | None = None
    health_flags: frozenset[HealthFlag] = frozenset()
    guardian: bool = False
    """True when a guardian receives the texts: the child forms are used."""


@dataclass(frozen=True)
class SessionFacts:
    """What the rules need to know of one needling session. Times are aware UTC."""

    ended_at: datetime
    regions: tuple[str, ...]
    baseline_pain: int | None
    first_session: bool
    trigger_points: TriggerPoints
    plan: HeatIcePlan
    move_plan: str | None
    """None: the region's default moves; "none": no movement text; else the therapist's words."""


@dataclass(frozen=True)
class PlannedMessage:
    """One message the protocol asks for. Times are aware UTC.

    `send_at <= send_before`: it may go out from `send_at` until just before `send_before`, the end
    of that day's window or of its usefulness, whichever comes first. `state` is `planned`, or
    `skipped` with the `reason` a clinic can read. `wording` is the key of the text to fill, which
    can differ from `key` (`heat_ice` is worded `ice_only`). `slots` holds what the wording needs
    beyond the clinic's own details.
    """

    key: str
    kind: MessageKind
    channel: Channel
    wording: str
    due_at: datetime
    send_at: datetime
    send_before: datetime
    useful_until: datetime
    state: MessageState
    reason: str | None = None
    slots: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PainRules:
    """From which pain score on a person must call (`clinical-protocol` C4, R26).

    `severe_from`: a score from which pain is severe. `worse_by`: how many points more than before
    count as worse; 1 is within noise.
    """

    severe_from: int = 7
    worse_by: int = 2


USUAL_PAIN_RULES = PainRules()


@dataclass(frozen=True)
class StaffTask:
    """Something a person must do that no message can: becomes a flag.

    `on_top` asks for it to be shown before other tasks of its level.
    """

    key: str
    due_at: datetime
    reason: str
    level: Level = Level.ROUTINE
    on_top: bool = False


@dataclass(frozen=True)
class Plan:
    """All that follows from a session: its messages in sending order, and tasks for staff."""

    protocol_version: int
    messages: tuple[PlannedMessage, ...]
    tasks: tuple[StaffTask, ...] = ()
