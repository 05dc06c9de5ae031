"""How far away a moment is, in words a tired person reads once."""

from __future__ import annotations

from datetime import datetime, timedelta

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
