"""Insights as a file: the same figures as on the page, a row each, and no more than there."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.insights import HOUR_BANDS, SMALLEST_GROUP
from service.domain.spreadsheets import Cell
from service.pathway.insights import Insights, SorenessShown

Row = tuple[Cell, ...]
_TOO_FEW = f"under {SMALLEST_GROUP} patients"
_BAND_NAMES = {one.key: one.name for one in HOUR_BANDS}


def rows_of(shown: Insights) -> Iterator[Row]:
    """Yield the head and then each figure: section, group, measure, value."""
    wanted = shown.wanted
    yield "section", "group", "measure", "value"
    yield "chosen", "", "from", wanted.since.isoformat()
    yield "chosen", "", "to", wanted.until.isoformat()
    yield "chosen", "", "recorded by", wanted.by or "everybody"
    yield "chosen", "", "region", wanted.region or "all"
    yield "chosen", "", "sessions", shown.sessions
    yield "chosen", "", "patients", shown.patients
    for checkin in shown.checkins:
        yield "check-ins", checkin.key, "sent", checkin.sent
        yield "check-ins", checkin.key, "answered", checkin.answered
        yield "check-ins", checkin.key, "answered, percent", _told(checkin.share)
    yield from _calls(shown)
    for group in shown.by_hours:
        yield from _soreness("soreness by hours", _BAND_NAMES[group.group], group)
    for group in shown.by_region:
        yield from _soreness("soreness by region", group.group, group)
    for event in shown.events:
        for measure in ("emergency", "urgent", "routine", "sessions", "patients", "sent_to_care"):
            yield "adverse events", event.name, measure.replace("_", " "), getattr(event, measure)
        yield "adverse events", event.name, "sessions in a hundred", _told(event.per_hundred)
    for channel in shown.channels:
        for measure in ("tried", "delivered", "no_receipt", "failed", "segments"):
            value = getattr(channel, measure)
            yield "delivery", channel.channel.value, measure.replace("_", " "), value
    for failure in shown.failures:
        named = f"{failure.channel.value} {failure.code or 'without a code'}"
        yield "failures", named, failure.reason, failure.count
    for kind, texts, segments in shown.segments_by_kind:
        yield "segments", kind, "texts", texts
        yield "segments", kind, "segments", segments


def _calls(shown: Insights) -> Iterator[Row]:
    for one in shown.calls:
        level = one.level.value
        for measure in ("flags", "looked", "called", "in_time", "late_waiting"):
            yield "calls", level, measure.replace("_", " "), getattr(one, measure)
        yield "calls", level, "in time, percent", _told(one.share_in_time)
        for name, words in (("first look", one.look), ("first call", one.call)):
            middle, most = words or (_TOO_FEW, _TOO_FEW)
            yield "calls", level, f"{name}, middle", middle
            yield "calls", level, f"{name}, nine in ten within", most


def _soreness(section: str, name: str, group: SorenessShown) -> Iterator[Row]:
    if group.spread is None:
        yield section, name, "scores", _TOO_FEW
        return
    yield section, name, "patients", group.patients
    for measure in ("answers", "low", "middle", "high", "mild", "moderate", "severe"):
        yield section, name, measure, getattr(group.spread, measure)


def _told(figure: float | None) -> Cell:
    return _TOO_FEW if figure is None else figure
