"""Who must act by when: business hours, flags' deadlines, further tries and escalation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from service.domain.values import CallOutcome, ClinicFacts, Level, OpenHours
from service.domain.windows import at_local_time, local_day, zone_named

USUAL_HOURS = {weekday: OpenHours(opens=time(8), closes=time(18)) for weekday in range(5)}
"""Monday to Friday, for a clinic that gave no hours (`clinical-protocol` C1)."""

FIRST_CALL = {Level.EMERGENCY: timedelta(minutes=15), Level.URGENT: timedelta(hours=2)}
"""Emergency in elapsed time, urgent in business hours (`clinical-protocol` C1)."""

PAGE_WHEN_CLOSED_FOR = timedelta(hours=12)
"""An urgent flag pages on-call when the next opening is further away than this."""

TRIES = 3
_TRY_AGAIN_AFTER = {
    Level.EMERGENCY: timedelta(minutes=10),  # three tries within 30 minutes
    Level.URGENT: timedelta(minutes=30),
    Level.ROUTINE: timedelta(hours=2),
}

# Told again, the lead, the director: `clinical-protocol` C1, and `reliability` I7 for the first.
_URGENT_WAITS = (timedelta(minutes=5), timedelta(minutes=30), timedelta(minutes=90))

_A_QUARTER = timedelta(minutes=15)
_A_YEAR = 366


class Audience(StrEnum):
    """Whom a notice goes to."""

    ASSIGNED = "assigned"
    ON_CALL = "on_call"
    NEXT_PERSON = "next_person"
    LEAD = "lead"
    DIRECTOR = "director"
    EVERYONE = "everyone"
    EMERGENCY_CONTACT = "emergency_contact"


@dataclass(frozen=True)
class EscalationStep:
    """One notice owed while nobody has taken a flag; `step` is its name, unique in the flag."""

    step: str
    at: datetime
    audience: Audience


@dataclass(frozen=True)
class NextTry:
    """What follows a call that reached nobody: another try, or someone else decides.

    Exactly one of `at` and `hand_to` is set. An `emergency_contact` is rung only with consent; the
    lead decides otherwise. `say_call_missed` asks for the text `call_missed`: after the first try,
    so that the patient may ring back while we go on trying, and after the last (D).
    """

    at: datetime | None
    hand_to: Audience | None
    say_call_missed: bool


def default_holidays(years: Iterable[int]) -> frozenset[date]:
    """US federal holidays, with the days on which they are observed."""
    # Imported here because it takes longer to import than the rest of the rules together.
    import holidays

    return frozenset(holidays.country_holidays("US", years=years))


def is_open_day(day: date, clinic: ClinicFacts) -> bool:
    """Whether anybody works at the clinic on `day`, a local date."""
    return _hours_on(day, clinic) is not None


def is_open(moment: datetime, clinic: ClinicFacts) -> bool:
    """Whether somebody is at work at `moment`; the closing time itself is closed."""
    zone = zone_named(clinic.time_zone)
    local = moment.astimezone(zone)
    hours = _hours_on(local.date(), clinic)
    return hours is not None and hours.opens <= local.time() < hours.closes


def next_opening(moment: datetime, clinic: ClinicFacts) -> datetime:
    """The first moment from `moment` on at which somebody is at work."""
    opens, _ = next(_open_spans(moment, clinic))
    return opens


def add_business_time(moment: datetime, duration: timedelta, clinic: ClinicFacts) -> datetime:
    """The moment by which the clinic has been open for `duration`."""
    for opens, closes in _open_spans(moment, clinic):
        if opens + duration <= closes:
            return opens + duration
        duration -= closes - opens
    raise AssertionError("the spans of an open clinic do not end")


def flag_deadline(level: Level, raised_at: datetime, clinic: ClinicFacts) -> datetime:
    """When the first call to the patient is due (`clinical-protocol` C1).

    Raises `ValueError` for `ok`, which nobody needs to call about.
    """
    match level:
        case Level.EMERGENCY:
            return raised_at + FIRST_CALL[level]
        case Level.URGENT:
            return add_business_time(raised_at, FIRST_CALL[level], clinic)
        case Level.ROUTINE:
            return _end_of_next_business_day(raised_at, clinic)
        case Level.OK:
            raise ValueError("an ok reply has no deadline")


def call_by(level: Level, now: datetime, clinic: ClinicFacts) -> datetime:
    """The time to promise a patient as `{callby}`: never one at which nobody works.

    It is the deadline on the next full quarter of an hour, or the clinic's closing when that comes
    first; for an emergency the deadline as it is, since on-call works at any hour.
    """
    deadline = flag_deadline(level, now, clinic)
    if level is Level.EMERGENCY:
        return deadline
    # Up to the minute before the deadline the clinic is open, so the span is that day's.
    _, closes = next(_open_spans(deadline - timedelta(microseconds=1), clinic))
    return min(_next_quarter(deadline), closes)


def next_try(
    outcome: CallOutcome, tries: int, level: Level, now: datetime, clinic: ClinicFacts
) -> NextTry:
    """What follows after `tries` calls, the last of which ended in voicemail or no answer.

    Three tries; then an emergency goes to the emergency contact, anything else to the lead
    (`clinical-protocol` C1, D). Raises `ValueError` for an outcome that closes the flag.
    """
    if outcome.closes:
        raise ValueError(f"a call that ended in {outcome.value} needs no further try")
    if tries >= TRIES:
        emergency = level is Level.EMERGENCY
        hand_to = Audience.EMERGENCY_CONTACT if emergency else Audience.LEAD
        return NextTry(at=None, hand_to=hand_to, say_call_missed=True)
    wait = _TRY_AGAIN_AFTER.get(level, _TRY_AGAIN_AFTER[Level.ROUTINE])
    at = now + wait if level is Level.EMERGENCY else add_business_time(now, wait, clinic)
    return NextTry(at=at, hand_to=None, say_call_missed=tries == 1)


def on_call_paged_at(level: Level, raised_at: datetime, clinic: ClinicFacts) -> datetime | None:
    """When on-call is woken, or None when the flag can wait for the clinic to open.

    For an emergency at once; for an urgent flag as soon as the clinic is closed with more than 12
    hours to go. A flag raised shortly before such a closing, with a deadline after it, pages
    on-call at the closing: by then nobody has taken it.
    """
    if level is Level.EMERGENCY:
        return raised_at
    if level is not Level.URGENT:
        return None
    closed_at = raised_at
    if is_open(raised_at, clinic):
        _, closed_at = next(_open_spans(raised_at, clinic))
        if flag_deadline(level, raised_at, clinic) <= closed_at:
            return None
    long_closed = next_opening(closed_at, clinic) - closed_at > PAGE_WHEN_CLOSED_FOR
    return closed_at if long_closed else None


def hand_over_steps(
    level: Level, since: datetime, clinic: ClinicFacts, *, until: datetime
) -> list[EscalationStep]:
    """The notices owed once the last try has failed: the lead decides, and is told until they do.

    An emergency is handed over at any hour and then goes to everyone; anything else in business
    hours. An emergency contact is not rung by us: the lead knows whether there is one.
    """
    if level is Level.EMERGENCY:
        first = EscalationStep("lead_decides", since, Audience.LEAD)
        return [first, *_repeats(since, timedelta(minutes=10), Audience.EVERYONE, until, None)]
    at = next_opening(since, clinic)
    every = timedelta(minutes=30) if level is Level.URGENT else timedelta(days=1)
    first = EscalationStep("lead_decides", at, Audience.LEAD)
    return [first, *_repeats(at, every, Audience.LEAD, until, clinic)]


def owner_has_until(due_at: datetime, taken_at: datetime) -> datetime:
    """When staff are told of a flag again whose owner has not called: its deadline (C1, overdue).

    Whoever takes a flag that is overdue has a quarter of an hour.
    """
    return due_at if due_at > taken_at else taken_at + FIRST_CALL[Level.EMERGENCY]


def escalation_steps(
    level: Level, raised_at: datetime, clinic: ClinicFacts, *, until: datetime | None = None
) -> list[EscalationStep]:
    """The notices owed for a flag that nobody takes, in the order of their times.

    The ladder of `clinical-protocol` C1, then its last audience again and again (`reliability` I7)
    for as long as `until` reaches; without `until` the ladder alone.
    """
    match level:
        case Level.EMERGENCY:
            ladder = _emergency_ladder(raised_at)
            every, last = timedelta(minutes=10), Audience.EVERYONE
        case Level.URGENT:
            ladder = _urgent_ladder(raised_at, clinic)
            every, last = timedelta(minutes=30), Audience.EVERYONE
        case Level.ROUTINE:
            ladder = _routine_ladder(raised_at, clinic)
            every, last = timedelta(days=1), Audience.LEAD
        case Level.OK:
            return []
    if until is None:
        return ladder
    asleep = on_call_paged_at(level, raised_at, clinic) is None
    return ladder + _repeats(ladder[-1].at, every, last, until, clinic if asleep else None)


def _emergency_ladder(raised_at: datetime) -> list[EscalationStep]:
    return [
        EscalationStep("assigned", raised_at, Audience.ASSIGNED),
        EscalationStep("on_call", raised_at, Audience.ON_CALL),
        EscalationStep("next_person", raised_at + timedelta(minutes=3), Audience.NEXT_PERSON),
        EscalationStep("director", raised_at + timedelta(minutes=6), Audience.DIRECTOR),
        EscalationStep("everyone", raised_at + timedelta(minutes=10), Audience.EVERYONE),
    ]


def _urgent_ladder(raised_at: datetime, clinic: ClinicFacts) -> list[EscalationStep]:
    """The assigned therapist is told at any hour; the rest in business time, or with on-call."""
    paged_at = on_call_paged_at(Level.URGENT, raised_at, clinic)
    steps = [EscalationStep("assigned", raised_at, Audience.ASSIGNED)]
    if paged_at is None:
        again, lead, director = (
            add_business_time(raised_at, wait, clinic) for wait in _URGENT_WAITS
        )
    else:
        again, lead, director = (raised_at + wait for wait in _URGENT_WAITS)
        steps.append(EscalationStep("on_call", paged_at, Audience.ON_CALL))
    at_night = paged_at == raised_at
    told_again = Audience.ON_CALL if at_night else Audience.ASSIGNED
    steps += [
        EscalationStep(f"{told_again.value}_again", again, told_again),
        EscalationStep("lead", lead, Audience.LEAD),
        EscalationStep("director", director, Audience.DIRECTOR),
    ]
    return sorted(steps, key=lambda step: step.at)


def _routine_ladder(raised_at: datetime, clinic: ClinicFacts) -> list[EscalationStep]:
    overdue = flag_deadline(Level.ROUTINE, raised_at, clinic)
    return [
        EscalationStep("assigned", next_opening(raised_at, clinic), Audience.ASSIGNED),
        EscalationStep("lead", overdue, Audience.LEAD),
    ]


def _repeats(
    since: datetime,
    every: timedelta,
    audience: Audience,
    until: datetime,
    waits_for: ClinicFacts | None,
) -> list[EscalationStep]:
    """The same notice again after each `every`, moved to the opening of the clinic it waits for."""
    steps: list[EscalationStep] = []
    at = since
    while True:
        at += every
        if waits_for is not None:
            at = next_opening(at, waits_for)
        if at > until:
            return steps
        steps.append(EscalationStep(f"again_{len(steps) + 1}", at, audience))


def _end_of_next_business_day(moment: datetime, clinic: ClinicFacts) -> datetime:
    zone = zone_named(clinic.time_zone)
    tomorrow = at_local_time(local_day(moment, zone) + timedelta(days=1), time(0), zone)
    _, closes = next(_open_spans(tomorrow, clinic))
    return closes


def _next_quarter(moment: datetime) -> datetime:
    past = timedelta(
        minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond
    )
    return moment if not past else moment - past + _A_QUARTER


def _hours_on(day: date, clinic: ClinicFacts) -> OpenHours | None:
    if day in clinic.holidays:
        return None
    return _hours_of_the_week(clinic).get(day.weekday())


def _hours_of_the_week(clinic: ClinicFacts) -> dict[int, OpenHours]:
    hours = {day: span for day, span in clinic.hours.items() if span.opens < span.closes}
    return hours or USUAL_HOURS


def _open_spans(moment: datetime, clinic: ClinicFacts) -> Iterator[tuple[datetime, datetime]]:
    """When the clinic is open from `moment` on: opening and closing of each day, in UTC, for ever.

    The first span starts at `moment` if the clinic is open then. A year without an open day is
    taken for a mistake in the list of holidays, which then no longer counts: a flag must have a
    deadline whatever the settings say.
    """
    zone = zone_named(clinic.time_zone)
    day = local_day(moment, zone)
    closed_days = 0
    while True:
        if closed_days < _A_YEAR:
            hours = _hours_on(day, clinic)
            closed_days = closed_days + 1 if hours is None else 0
        else:
            hours = _hours_of_the_week(clinic).get(day.weekday())
        if hours is not None:
            opens = at_local_time(day, hours.opens, zone)
            closes = at_local_time(day, hours.closes, zone)
            # Some zones have skipped a whole day of the calendar.
            if local_day(opens, zone) == day and moment < closes:
                yield max(opens, moment.astimezone(UTC)), closes
        day += timedelta(days=1)
