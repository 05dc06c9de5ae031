"""How far away a moment is, in words a tired person reads once."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_A_DAY = 24 * 60


def span_words(span: timedelta) -> str:
    """Return a span as `less than a minute`, `10 min`, `1 h 20`, `5 h` or `2 days`."""
    minutes = int(abs(span) / _MINUTE)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < _A_DAY:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest:02}" if rest else f"{hours} h"
    days = minutes // _A_DAY
    return "1 day" if days == 1 else f"{days} days"


def due_words(due_at: datetime, now: datetime) -> str:
    """Return `due in 1 h 20` or `overdue by 10 min`."""
    if due_at > now:
        return f"due in {span_words(due_at - now)}"
    return f"overdue by {span_words(now - due_at)}"


def hours_words(since: datetime, now: datetime) -> str:
    """Return how long ago a session ended: `51 h` as the protocol counts, after a week `9 days`."""
    hours = max(0, int((now - since) / timedelta(hours=1)))
    return f"{hours} h" if hours < 7 * 24 else f"{hours // 24} days"


def moment_words(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return a moment as staff read it: `2:30 PM` today, `Tue 2:30 PM` this week, else a date."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"
    days = abs((local.date() - today).days)
    if days == 0:
        return clock
    # A weekday names one day only within a week.
    day = f"{local:%a}" if days < 7 else f"{local:%b} {local.day}"
    return f"{day} {clock}"
