"""When a text may arrive: hours of the day in a zone, across clock changes and skipped days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SUNDAY = 6
_ONE_SECOND = timedelta(seconds=1)
# No zone has ever changed its clock twice within three days.
_LOOK_EVERY = timedelta(days=2)


class UnknownTimeZone(ValueError):
    """The name is not an IANA time zone."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not a time zone; an example of one is America/Chicago")


@dataclass(frozen=True)
class Window:
    """The local hours in which a text may arrive: from `opens` until just before `closes`.

    On Sundays from `sunday_opens`, or as on other days when that is None.
    """

    opens: time
    closes: time
    sunday_opens: time | None = None

    def __post_init__(self) -> None:
        if not self.opens < self.closes:
            raise ValueError(f"opens at {self.opens:%H:%M}, after it closes")
        if self.sunday_opens is not None and not self.sunday_opens < self.closes:
            raise ValueError(f"opens on Sundays at {self.sunday_opens:%H:%M}, after it closes")

    def opens_on(self, day: date) -> time:
        """The local time at which the window opens on `day`."""
        if self.sunday_opens is not None and day.weekday() == _SUNDAY:
            return self.sunday_opens
        return self.opens


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone; raises `UnknownTimeZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownTimeZone(name) from error


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The date on the wall calendar of `zone`."""
    return moment.astimezone(zone).date()


def at_local_time(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, when clocks in `zone` show `at` on `day`.

    A time that the clocks jump over is taken as much later as they jump; of a time that they show
    twice, the first.
    """
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def is_allowed(moment: datetime, window: Window, zone: ZoneInfo) -> bool:
    """Whether a text may arrive at `moment`."""
    local = moment.astimezone(zone)
    return window.opens_on(local.date()) <= local.time() < window.closes


def next_allowed(moment: datetime, window: Window, zone: ZoneInfo) -> datetime:
    """The first moment from `moment` on at which a text may arrive."""
    while not is_allowed(moment, window, zone):
        wall = _wall_clock(moment, zone)
        day = wall.date()
        if wall.time() >= window.closes:
            day += timedelta(days=1)
        opening = datetime.combine(day, window.opens_on(day))
        moment = _wait(moment, opening - wall, zone)
    return moment


def previous_allowed(moment: datetime, window: Window, zone: ZoneInfo) -> datetime:
    """The last moment up to `moment` at which a text may arrive, to the second."""
    if is_allowed(moment, window, zone):
        return moment
    moment = moment.replace(microsecond=0)
    while not is_allowed(moment, window, zone):
        wall = _wall_clock(moment, zone)
        day = wall.date()
        if wall.time() < window.closes:
            day -= timedelta(days=1)
        last = datetime.combine(day, window.closes) - _ONE_SECOND
        moment = _go_back(moment, wall - last, zone)
    return moment


def closing(moment: datetime, window: Window, zone: ZoneInfo) -> datetime:
    """The end of the window that `moment` lies in: from then on no text may arrive."""
    while is_allowed(moment, window, zone):
        wall = _wall_clock(moment, zone)
        moment = _wait(moment, datetime.combine(wall.date(), window.closes) - wall, zone)
    return moment


def _wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clock on the wall shows, as a datetime without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _wait(moment: datetime, duration: timedelta, zone: ZoneInfo) -> datetime:
    """`moment + duration`, or the first clock change on the way: there the wall is read anew."""
    until = moment + duration
    return next(_clock_changes(moment, until, zone), until)


def _go_back(moment: datetime, duration: timedelta, zone: ZoneInfo) -> datetime:
    """`moment - duration`, or the second before the last clock change on the way back."""
    since = moment - duration
    changes = list(_clock_changes(since, moment, zone))
    return changes[-1] - _ONE_SECOND if changes else since


def _clock_changes(after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The moments in `(after, until]` from which clocks in `zone` run on another offset."""
    before, offset = after.replace(microsecond=0), _offset(after, zone)
    while before < until:
        behind = min(before + _LOOK_EVERY, until)
        offset_behind = _offset(behind, zone)
        if offset != offset_behind:
            yield _change_between(before, behind.replace(microsecond=0), zone)
        before, offset = behind, offset_behind


def _change_between(before: datetime, behind: datetime, zone: ZoneInfo) -> datetime:
    """Halve the span until one second is left: offsets change on whole seconds."""
    old = _offset(before, zone)
    while behind - before > _ONE_SECOND:
        middle = before + timedelta(seconds=int((behind - before).total_seconds()) // 2)
        if _offset(middle, zone) == old:
            before = middle
        else:
            behind = middle
    return behind


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
