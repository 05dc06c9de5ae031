"""What Prometheus asks for: how much is planned, late, unsure and open. No patient, no clinic."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from service.pathway.tallies import LATENESS_BOUNDS, sums
from service.store.figures import Figures, figures
from service.store.workers import BEATING
from service.web.deps import WebParts, get_parts

router = APIRouter(tags=["health"])


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request, parts: Annotated[WebParts, Depends(get_parts)]) -> Response:
    """Answer who asks directly from this machine or a private network; nobody through a proxy."""
    if not _asks_from_inside(request):
        raise HTTPException(404)
    now = parts.now()
    with parts.sessions() as db:
        found = figures(db, now, BEATING * parts.speed)
    registry = CollectorRegistry()
    registry.register(_Told(found, now))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _asks_from_inside(request: Request) -> bool:
    forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "Via"))
    try:
        peer = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    return peer.is_private and not forwarded


class _Told(Collector):
    """One look at the figures, as Prometheus reads them."""

    def __init__(self, found: Figures, now: datetime) -> None:
        self._found = found
        self._now = now

    def collect(self) -> Iterable[Metric]:
        """Yield every metric."""
        yield from self._messages()
        yield from self._waiting()
        yield from self._workers()

    def _messages(self) -> Iterator[Metric]:
        found = self._found
        yield GaugeMetricFamily(
            "aftercare_messages_planned",
            "Messages that wait for their time; beyond 10000 an estimate, or 10000 on SQLite.",
            found.planned,
        )
        yield GaugeMetricFamily(
            "aftercare_messages_overdue",
            "Planned messages whose time passed more than a minute ago.",
            found.overdue,
        )
        yield GaugeMetricFamily(
            "aftercare_messages_unknown",
            "Messages that may or may not have gone out; the provider is being asked.",
            found.unknown,
        )

    def _waiting(self) -> Iterator[Metric]:
        replies = GaugeMetricFamily(
            "aftercare_replies_last_day", "Replies of the last 24 hours.", labels=["level"]
        )
        for level, count in self._found.replies.items():
            replies.add_metric([level.value if level else "unread"], count)
        yield replies
        waiting = GaugeMetricFamily("aftercare_flags_open", "Flags not closed.", labels=["level"])
        overdue = GaugeMetricFamily(
            "aftercare_flags_overdue", "Flags whose deadline has passed.", labels=["level"]
        )
        oldest = GaugeMetricFamily(
            "aftercare_flags_oldest_seconds", "Age of the oldest flag.", labels=["level"]
        )
        for level, flags in self._found.flags.items():
            waiting.add_metric([level.value], flags.count)
            overdue.add_metric([level.value], flags.overdue)
            oldest.add_metric([level.value], self._age(flags.oldest))
        yield from (waiting, overdue, oldest)

    def _workers(self) -> Iterator[Metric]:
        workers, total = self._found.workers, sums(self._found.workers)
        sent = CounterMetricFamily(
            "aftercare_sends", "Attempts to send.", labels=["channel", "outcome"]
        )
        for name, count in sorted(total["sent"].items()):
            sent.add_metric(name.split("/"), count)
        yield sent
        yield _lateness(total["lateness"], sum(one.get("lateness_sum", 0) for one in workers))
        if self._found.newest_beat is not None:
            yield GaugeMetricFamily(
                "aftercare_worker_tick_age_seconds",
                "Since the newest heartbeat of any worker.",
                self._age(self._found.newest_beat),
            )
        yield GaugeMetricFamily(
            "aftercare_clock_alarm",
            "1 while a worker's clock cannot be believed.",
            int(bool(self._found.clock_problems)),
        )
        duties = GaugeMetricFamily(
            "aftercare_duty_age_seconds", "Since a duty last succeeded.", labels=["duty"]
        )
        for name, at in sorted(_newest_of_duties(workers).items()):
            duties.add_metric([name], self._age(at))
        yield duties

    def _age(self, moment: datetime) -> float:
        return max(0.0, (self._now - moment).total_seconds())


def _lateness(counts: Mapping[str, int], total: float) -> HistogramMetricFamily:
    buckets, so_far = [], 0
    for bound in (*(str(bound) for bound in LATENESS_BOUNDS), "+Inf"):
        so_far += counts.get(bound, 0)
        buckets.append((bound, so_far))
    return HistogramMetricFamily(
        "aftercare_lateness_seconds",
        "From the time a message was planned for until the provider had taken it.",
        buckets=buckets,
        sum_value=total,
    )


def _newest_of_duties(workers: list[Mapping[str, Any]]) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for worker in workers:
        for name, text in worker.get("duties", {}).items():
            at = datetime.fromisoformat(text).astimezone(UTC)
            newest[name] = max(at, newest.get(name, at))
    return newest
