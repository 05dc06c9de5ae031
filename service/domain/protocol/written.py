"""How the protocol's files write durations, clock times, windows and spans."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated

from pydantic import BeforeValidator

from service.domain.windows import Window

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def read_duration(written: object) -> timedelta:
    """Return `30m`, `48h` or `7d`; raises `ValueError`."""
    match = re.fullmatch(r"(\d+)([mhd])", str(written))
    if not match:
        raise ValueError(f"{written!r} is not a duration like 30m, 48h or 7d")
    number, unit = match.groups()
    return timedelta(**{_UNITS[unit]: int(number)})


def read_time(written: object) -> time:
    """Return a clock time like `09:30`; raises `ValueError`."""
    # Left unquoted, YAML reads 17:00 as the number 1020.
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", str(written))
    if not match:
        raise ValueError(f'{written!r} is not a quoted clock time like "09:30"')
    return time(int(match[1]), int(match[2]))


def _read_window(written: object) -> Window:
    match = re.fullmatch(r"(\S+)-(\S+?)(?:, Sundays from (\S+))?", str(written))
    if not match:
        raise ValueError(f"{written!r} is not a window like 09:00-20:00, Sundays from 12:00")
    opens, closes, sunday_opens = match.groups()
    return Window(
        opens=read_time(opens),
        closes=read_time(closes),
        sunday_opens=read_time(sunday_opens) if sunday_opens else None,
    )


def _read_span(written: object) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)-(\d+)", str(written))
    if not match or int(match[1]) > int(match[2]):
        raise ValueError(f"{written!r} is not a span like 6-8")
    return int(match[1]), int(match[2])


Span = Annotated[tuple[int, int], BeforeValidator(_read_span)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
ClockTime = Annotated[time, BeforeValidator(read_time)]
ReadWindow = Annotated[Window, BeforeValidator(_read_window)]
