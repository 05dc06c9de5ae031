"""Insights: how patients answered, how fast staff were, what hurt, what went wrong, the cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.call_prompts import load_call_prompts
from service.domain.insights import (
    ADVERSE,
    HOUR_BANDS,
    Spread,
    enough,
    per_hundred,
    percent,
    spread,
)
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.refusals import meaning_of
from service.domain.soreness_picture import Picture, picture
from service.domain.time_words import span_words
from service.domain.values import Channel, Level, MessageState
from service.domain.windows import at_local_time, local_day, zone_named
from service.pathway.undoing import UNDONE
from service.store import audit
from service.store import insights as store
from service.store.chosen_sessions import Chosen
from service.store.clinics import Clinic
from service.store.soreness import ScoreCount, scores_by_hours, scores_by_region

USUAL_SPAN = timedelta(days=90)
LONGEST_SPAN = timedelta(days=730)
_GOOD = (MessageState.DELIVERED, MessageState.ACCEPTED, MessageState.UNKNOWN)


@dataclass(frozen=True)
class Wanted:
    """What the figures are to be about: local dates, both included."""

    since: date
    until: date
    by: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class CheckinShown:
    """A check-in; `share` is None where too few patients were asked."""

    key: str
    sent: int
    answered: int
    share: int | None


@dataclass(frozen=True)
class CallsShown:
    """How flags of one level were met; shares and times are None for too few patients."""

    level: Level
    flags: int
    looked: int
    called: int
    in_time: int
    late_waiting: int
    share_in_time: int | None
    look: tuple[str, str] | None
    """The middle and nine in ten, in words."""
    call: tuple[str, str] | None


@dataclass(frozen=True)
class SorenessShown:
    """The scores of one group; `spread` is None for too few patients."""

    group: str
    patients: int
    spread: Spread | None
    shares: tuple[int, int, int]
    """Of mild, moderate and severe, in percent."""


@dataclass(frozen=True)
class EventShown:
    """One kind of adverse event; `per_hundred` sessions is None for too few patients."""

    name: str
    emergency: int
    urgent: int
    routine: int
    sessions: int
    patients: int
    sent_to_care: int
    per_hundred: float | None


@dataclass(frozen=True)
class ChannelShown:
    """What went by one channel, how it ended, and what it cost."""

    channel: Channel
    tried: int
    delivered: int
    no_receipt: int
    failed: int
    segments: int


@dataclass(frozen=True)
class FailureShown:
    """One reason for which messages did not arrive."""

    channel: Channel
    code: int | None
    reason: str
    count: int


@dataclass(frozen=True)
class Insights:
    """All figures about the chosen sessions."""

    wanted: Wanted
    recorders: tuple[str, ...]
    regions: tuple[str, ...]
    sessions: int
    patients: int
    checkins: tuple[CheckinShown, ...]
    calls: tuple[CallsShown, ...]
    by_hours: tuple[SorenessShown, ...]
    hours_picture: Picture | None
    """None when no band has patients enough."""
    by_region: tuple[SorenessShown, ...]
    events: tuple[EventShown, ...]
    channels: tuple[ChannelShown, ...]
    failures: tuple[FailureShown, ...]
    segments_by_kind: tuple[tuple[str, int, int], ...]
    """Kind, texts, segments."""

    @property
    def segments(self) -> int:
        """Text segments in all, as the provider counts them."""
        return sum(one.segments for one in self.channels)

    @property
    def enough(self) -> bool:
        """Were patients enough chosen to say something of them together?"""
        return enough(self.patients)


def usual(clinic: Clinic, now: datetime) -> Wanted:
    """Return what is shown at first: the last three months."""
    today = local_day(now, zone_named(clinic.time_zone))
    return Wanted(since=today - USUAL_SPAN, until=today)


def insights(db: Session, clinic: Clinic, wanted: Wanted, now: datetime) -> Insights:
    """Return a clinic's figures, in a fixed number of questions."""
    chosen = _chosen(clinic, wanted)
    sessions, patients = store.sessions_and_patients(db, chosen)
    sent = store.messages(db, chosen)
    by_hours = _soreness([one.key for one in HOUR_BANDS], *scores_by_hours(db, chosen))
    spreads = {one.group: one.spread for one in by_hours}
    regions = [one for one in load_protocol(CURRENT_VERSION).regions if one != "generic"]
    by_region = _soreness(regions, *scores_by_region(db, chosen))
    return Insights(
        wanted=wanted,
        recorders=tuple(store.recorders(db, chosen)),
        regions=tuple(regions),
        sessions=sessions,
        patients=patients,
        checkins=_checkins(store.checkins(db, chosen)),
        calls=_calls(db, chosen, now),
        by_hours=by_hours,
        hours_picture=picture(HOUR_BANDS, spreads) if any(spreads.values()) else None,
        by_region=tuple(one for one in by_region if one.patients),
        events=_events(store.events(db, chosen, ADVERSE), sessions, patients),
        channels=_channels(sent),
        failures=_failures(sent),
        segments_by_kind=_segments(sent),
    )


def note_export(db: Session, clinic_id: UUID, wanted: Wanted, by: str, now: datetime) -> None:
    """Write down that somebody took the figures away as a file."""
    audit.record(
        db,
        clinic_id=clinic_id,
        at=now,
        actor=by,
        action="insights_exported",
        subject=f"clinic:{clinic_id}",
        since=wanted.since.isoformat(),
        until=wanted.until.isoformat(),
    )


def _chosen(clinic: Clinic, wanted: Wanted) -> Chosen:
    zone = zone_named(clinic.time_zone)
    return Chosen(
        clinic_id=clinic.id,
        since=at_local_time(wanted.since, time(0), zone),
        until=at_local_time(wanted.until + timedelta(days=1), time(0), zone),
        by=wanted.by,
        region=wanted.region,
        left_out=UNDONE,
    )


def _checkins(counts: Iterable[store.CheckinCount]) -> tuple[CheckinShown, ...]:
    return tuple(
        CheckinShown(
            key=one.key,
            sent=one.sent,
            answered=one.answered,
            share=percent(one.answered, one.sent) if enough(one.patients) else None,
        )
        for one in sorted(counts, key=lambda one: one.key)
    )


def _calls(db: Session, chosen: Chosen, now: datetime) -> tuple[CallsShown, ...]:
    waits = store.waits(db, chosen)

    def words(level: Level, measure: str) -> tuple[str, str] | None:
        found = [waits.get((level, measure, percentile)) for percentile in (50, 90)]
        middle, most = (
            None if one is None else span_words(timedelta(seconds=one)) for one in found
        )
        return None if middle is None or most is None else (middle, most)

    return tuple(
        CallsShown(
            level=one.level,
            flags=one.flags,
            looked=one.looked,
            called=one.called,
            in_time=one.called_in_time,
            late_waiting=one.late_waiting,
            share_in_time=(
                percent(one.called_in_time, one.called + one.late_waiting)
                if enough(one.patients)
                else None
            ),
            look=words(one.level, "look") if enough(one.patients) else None,
            call=words(one.level, "call") if enough(one.patients) else None,
        )
        for one in sorted(store.calls(db, chosen, now), key=lambda one: one.level.rank)
    )


def _soreness(
    groups: Sequence[str], counts: Iterable[ScoreCount], patients: dict[str, int]
) -> tuple[SorenessShown, ...]:
    scores: dict[str, dict[int, int]] = defaultdict(dict)
    for one in counts:
        scores[one.group][one.score] = one.answers

    def shown(group: str) -> SorenessShown:
        people = patients.get(group, 0)
        lies = spread(scores[group]) if enough(people) else None
        parts = (lies.mild, lies.moderate, lies.severe) if lies else (0, 0, 0)
        mild, moderate, severe = (percent(part, sum(parts)) for part in parts)
        return SorenessShown(group, people, lies, (mild, moderate, severe))

    return tuple(shown(group) for group in groups)


def _events(
    counts: Iterable[store.EventCount], sessions: int, patients: int
) -> tuple[EventShown, ...]:
    names = load_call_prompts(CURRENT_VERSION).reasons
    return tuple(
        EventShown(
            name=names[one.category].name if one.category in names else one.category,
            emergency=one.emergency,
            urgent=one.urgent,
            routine=one.routine,
            sessions=one.sessions,
            patients=one.patients,
            sent_to_care=one.sent_to_care,
            per_hundred=per_hundred(one.sessions, sessions) if enough(patients) else None,
        )
        for one in sorted(counts, key=lambda one: ADVERSE.index(one.category))
    )


def _channels(sent: Sequence[store.MessageCount]) -> tuple[ChannelShown, ...]:
    def count(channel: Channel, *states: MessageState) -> int:
        return sum(one.count for one in sent if one.channel is channel and one.state in states)

    return tuple(
        ChannelShown(
            channel=channel,
            tried=count(channel, *MessageState),
            delivered=count(channel, MessageState.DELIVERED),
            no_receipt=count(channel, MessageState.ACCEPTED, MessageState.UNKNOWN),
            failed=count(channel, MessageState.UNDELIVERED, MessageState.REFUSED),
            segments=sum(one.segments for one in sent if one.channel is channel),
        )
        for channel in Channel
    )


def _failures(sent: Iterable[store.MessageCount]) -> tuple[FailureShown, ...]:
    counts: dict[tuple[Channel, int | None], int] = defaultdict(int)
    for one in sent:
        if one.state not in _GOOD:
            counts[one.channel, one.error_code] += one.count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or 0))
    return tuple(
        FailureShown(channel, code, _in_words(code, channel), count)
        for (channel, code), count in ordered
    )


def _in_words(code: int | None, channel: Channel) -> str:
    if code is None:
        return "The provider gave no reason."
    meaning = meaning_of(code, channel)
    return meaning.reason if meaning else "A code that we have no words for: ask the provider."


def _segments(sent: Iterable[store.MessageCount]) -> tuple[tuple[str, int, int], ...]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in sent:
        if one.channel is Channel.SMS and one.state is not MessageState.REFUSED:
            counts[one.kind.value][0] += one.count
            counts[one.kind.value][1] += one.segments
    ordered = sorted(counts.items(), key=lambda item: (-item[1][1], item[0]))
    return tuple((kind, texts, segments) for kind, (texts, segments) in ordered)
