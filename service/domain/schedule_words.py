"""A step of the schedule in words: when it is due, its hours, and until when it is of use."""

from __future__ import annotations

from datetime import time, timedelta

from service.domain.protocol.model import Due, DueOn, Slide, Step, UsefulUntil
from service.domain.windows import Window

_AN_HOUR = timedelta(hours=1)
_A_DAY = timedelta(days=1)
_MOVES = {
    Slide.EARLIER: "earlier",
    Slide.LATER: "later",
    Slide.EARLIER_ELSE_LATER: "earlier, else later",
}


def due_in_words(due: Due) -> str:
    """Return when a step is due, as `48 h after the session`; not which step it follows."""
    if due.after is not None:
        return f"{_span(due.after)} after the session"
    if due.day_before_at is not None:
        return f"{_clock(due.day_before_at)} on the day before a visit"
    if due.next_day_at is not None:
        least = f", {_span(due.at_least)} after the session at least" if due.at_least else ""
        return f"{_clock(due.next_day_at)} on the next day{least}"
    agreed = due.at_once_on is DueOn.CONSENT
    return "as soon as the patient has agreed" if agreed else "as soon as the patient answers"


def hours_in_words(step: Step) -> str:
    """Return the hours in which it may arrive, and which way it moves outside them."""
    if step.window is None:
        return "at any hour"
    return f"{_window(step.window)}; otherwise {_MOVES[step.slide]}"


def use_in_words(until: UsefulUntil) -> str:
    """Return until when it is sent at all."""
    if until.after is not None:
        return f"until {_span(until.after)} after the session"
    if until.after_due is not None:
        return f"until {_span(until.after_due)} after it was due"
    if until.same_day_at is not None:
        return f"until {_clock(until.same_day_at)} that day"
    return "until the visit"


def _window(window: Window) -> str:
    sundays = window.sunday_opens
    later = f", Sundays from {_clock(sundays)}" if sundays else ""
    return f"{_clock(window.opens)} to {_clock(window.closes)}{later}"


def _clock(at: time) -> str:
    minutes = f":{at.minute:02}" if at.minute else ""
    return f"{at.hour % 12 or 12}{minutes} {'AM' if at.hour < 12 else 'PM'}"


def _span(span: timedelta) -> str:
    if span % _A_DAY == timedelta(0) and span > 6 * _A_DAY:
        return f"{span // _A_DAY} days"
    if span % _AN_HOUR == timedelta(0):
        return f"{span // _AN_HOUR} h"
    return f"{span // timedelta(minutes=1)} min"
