"""The time zones to choose from, the usual ones first."""

from __future__ import annotations

from zoneinfo import available_timezones

_USUAL = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
)


def zone_choices() -> dict[str, list[str]]:
    """Return the names of zones, by the heading above them."""
    return {
        "United States": list(_USUAL),
        "Elsewhere": sorted(available_timezones() - set(_USUAL)),
    }
