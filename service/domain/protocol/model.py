"""What a protocol is: steps, limits, regions and the rules for heat and ice, each row checked."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.domain.protocol.written import (
    ClockTime,
    Duration,
    ReadWindow,
    Span,
    read_duration,
    read_time,
)
from service.domain.values import HealthFlag, Language, MessageKind, PainRules


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class SentBy(StrEnum):
    """On which channels a step's messages go out."""

    EACH = "each"
    TEXTS = "texts"
    EMAILS = "emails"
    SMS = "sms"
    PREFERRED = "preferred"
    AS_ANSWERED = "as_answered"


class PlannedWhen(StrEnum):
    """What makes a step's message be planned."""

    WITH_SESSION = "with_session"
    WHEN_BOOKED = "when_booked"
    ON_ANSWER = "on_answer"
    NEVER = "never"
    """A clinic's edition leaves it out."""


class Slide(StrEnum):
    """Which way a message moves when it is due outside its window."""

    EARLIER = "earlier"
    LATER = "later"
    EARLIER_ELSE_LATER = "earlier_else_later"

    @property
    def may_be_earlier(self) -> bool:
        """Whether the message may leave before it is due."""
        return self is not Slide.LATER

    @property
    def may_be_later(self) -> bool:
        """Whether the message may wait for the next opening of its window."""
        return self is not Slide.EARLIER


class Condition(StrEnum):
    """Which sessions and patients a step is for."""

    ALWAYS = "always"
    NOT_WELCOMED = "not_welcomed"
    CHEST_ADJACENT = "chest_adjacent"
    NO_FLUID_LIMIT = "no_fluid_limit"
    MAY_MOVE = "may_move"
    SORENESS_LIKELY = "soreness_likely"


class Form(StrEnum):
    """What about a patient or session asks for another text than the usual one."""

    FLUID_LIMIT = "fluid_limit"
    GUARDIAN = "guardian"
    HEAT_ONLY = "heat_only"
    ICE_ONLY = "ice_only"
    NO_HEAT_ICE = "no_heat_ice"


class Part(StrEnum):
    """A part of a text that is filled from the patient or the session."""

    REGION = "region"
    MOVE = "move"
    HEAT_ICE = "heat_ice"
    FLUID_LIMIT = "fluid_limit"
    CHEST = "chest"


class DueOn(StrEnum):
    """What a step follows at once."""

    CONSENT = "consent"
    ANSWER = "answer"


class Due(_Row):
    """When a step is due; exactly one of the four ways to say it."""

    after: Duration | None = None
    next_day_at: ClockTime | None = None
    at_least: Duration = timedelta(0)
    following: str | None = None
    day_before_at: ClockTime | None = None
    at_once_on: DueOn | None = None

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        ways = (self.after, self.next_day_at, self.day_before_at, self.at_once_on)
        if sum(way is not None for way in ways) != 1:
            raise ValueError(
                "needs exactly one of after, next_day_at, day_before_at and at_once_on"
            )
        if self.next_day_at is None and (self.following or self.at_least):
            raise ValueError("following and at_least go with next_day_at only")
        return self

    @property
    def written(self) -> str:
        """The due of a tip as the data file writes it: `3h` or `09:30`."""
        if self.next_day_at is not None:
            return f"{self.next_day_at:%H:%M}"
        hours, rest = divmod((self.after or timedelta()) // timedelta(minutes=1), 60)
        return f"{hours * 60 + rest}m" if rest else f"{hours}h"

    @property
    def moment(self) -> timedelta:
        """What two dues of one kind are compared by: the time after the session, or of the day."""
        if self.next_day_at is not None:
            return timedelta(hours=self.next_day_at.hour, minutes=self.next_day_at.minute)
        return self.after or timedelta()

    def moved_to(self, written: str) -> Due:
        """Return the same due at another time; raises `ValueError` unless it is written alike."""
        if self.next_day_at is not None:
            return self.model_copy(update={"next_day_at": read_time(written)})
        if self.after is not None:
            return self.model_copy(update={"after": read_duration(written)})
        raise ValueError("is not due at a time that could be another")


class UsefulUntil(_Row):
    """When a step's message is too late; exactly one of the four ways to say it."""

    after: Duration | None = None
    after_due: Duration | None = None
    same_day_at: ClockTime | None = None
    start_of: str | None = Field(default=None, pattern="^visit$")

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        ways = (self.after, self.after_due, self.same_day_at, self.start_of)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("needs exactly one of after, after_due, same_day_at and start_of")
        return self


class Wording(_Row):
    """The key of the usual text, and of the forms that take its place, first match first."""

    usual: str
    forms: dict[Form, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _read(cls, written: object) -> object:
        if isinstance(written, str):
            return {"usual": written}
        if isinstance(written, dict) and "usual" in written:
            forms = {form: key for form, key in written.items() if form != "usual"}
            return {"usual": written["usual"], "forms": forms}
        raise ValueError("needs a text's key, or usual and the forms that take its place")

    @property
    def keys(self) -> tuple[str, ...]:
        """Every text this step can send."""
        return (self.usual, *self.forms.values())


class ClosedDays(_Row):
    """How far a check-in moves forward to reach an open day, and which steps are skipped then."""

    down_to: Duration
    skips: tuple[str, ...] = ()


class MayChange(_Row):
    """What a clinic's edition may change of a step: when it is due, and whether it is sent."""

    earliest: str
    latest: str
    """Both written as the step's own due: hours after the session (`3h`), or a clock time."""


class Step(_Row):
    """One row of the schedule; the data file explains each field."""

    key: str
    kind: MessageKind
    sent_by: SentBy
    planned: PlannedWhen = PlannedWhen.WITH_SESSION
    due: Due
    window: ReadWindow | None = None
    slide: Slide
    not_before: Duration = timedelta(0)
    useful_until: UsefulUntil
    sent_when: Condition = Condition.ALWAYS
    wording: Wording
    personal: tuple[Part, ...] = ()
    cancelled_by: tuple[str, ...] = ()
    yields_to: str | None = None
    if_missed: str | None = None
    closed_days: ClosedDays | None = None
    outside_limits: bool = False
    clinic_may: MayChange | None = None

    @model_validator(mode="after")
    def _moves_within_bounds(self) -> Self:
        if self.clinic_may is not None:
            if self.kind is not MessageKind.TIP:
                raise ValueError("clinic_may: a clinic may change tips only")
            bounds = self.clinic_may.earliest, self.clinic_may.latest
            earliest, latest = (self.due.moved_to(written) for written in bounds)
            if not earliest.moment <= self.due.moment <= latest.moment:
                raise ValueError("clinic_may: its own due must lie between earliest and latest")
        return self

    @property
    def is_nudge(self) -> bool:
        """Whether this asks a check-in's question once more."""
        return self.due.following is not None

    @property
    def is_tip_like(self) -> bool:
        """Whether it gives way to safety texts and check-ins when they are too close."""
        return self.kind not in (MessageKind.SAFETY, MessageKind.CHECKIN)


class Region(_Row):
    """A place that is needled; `name` and `moves` by language."""

    name: dict[Language, str]
    moves: dict[Language, str]
    chest_adjacent: bool = False
    sore_prone: bool = False
    no_heat_when_pregnant: bool = False

    @model_validator(mode="after")
    def _speaks_both_languages(self) -> Self:
        for language in Language:
            if language not in self.name or language not in self.moves:
                raise ValueError(f"needs a name and moves in {language.value!r}")
        return self


class Limits(_Row):
    """How many scheduled messages a patient gets, and how far apart."""

    texts_a_day: tuple[int, ...] = Field(min_length=1)
    spacing: Duration
    delay_after_answer: Duration
    room_before_closing: Duration
    courtesy: ReadWindow
    first_to_go: tuple[str, ...]

    def texts_on_day(self, day: int) -> int:
        """The limit on day `day`, the day of the session being 0; the last one holds for ever."""
        return self.texts_a_day[min(max(day, 0), len(self.texts_a_day) - 1)]


class HeatIceRule(_Row):
    """Which health flags keep heat or cold from a patient."""

    no_heat: frozenset[HealthFlag]
    no_cold: frozenset[HealthFlag]


class NoReplyTask(_Row):
    """When staff ring a patient who answered neither check-in."""

    following: str
    wait: Duration


class PainLimits(_Row):
    """When a pain score asks for a call, and between which values a clinic may set that."""

    severe_from: int
    worse_by: int
    clinic_may: dict[str, Span]

    @model_validator(mode="after")
    def _lie_within(self) -> Self:
        if self.clinic_may.keys() != {"severe_from", "worse_by"}:
            raise ValueError("clinic_may: needs severe_from and worse_by")
        for name, (least, most) in self.clinic_may.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: must be from {least} to {most}")
        return self

    def rules(self) -> PainRules:
        """Return what triage goes by."""
        return PainRules(self.severe_from, self.worse_by)


class Protocol(_Row):
    """One approved version of the schedule, or a clinic's edition of it."""

    version: int
    pain: PainLimits
    limits: Limits
    heat_ice: HeatIceRule
    no_reply_task: NoReplyTask
    wordings: frozenset[str]
    steps: tuple[Step, ...]
    regions: dict[str, Region]

    def step(self, key: str) -> Step:
        """The row named `key`; raises `KeyError`."""
        return self._by_key[key]

    @cached_property
    def _by_key(self) -> dict[str, Step]:
        return {step.key: step for step in self.steps}

    def region(self, code: str) -> Region:
        """The region with this code; raises `KeyError`."""
        return self.regions[code]
