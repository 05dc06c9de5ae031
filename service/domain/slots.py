"""The blanks in a text: what each is called, how long it may get, and how it is filled."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.domain.values import Language

CLINIC_SLOTS = frozenset({"clinic", "phone"})
"""Known for every message, so any text may use them."""

_LONGEST = {"clinic": 20, "phone": 12, "move": 40, "callby": 12, "when": 12, "open": 8}

LONGEST = {Language.EN: {**_LONGEST, "area": 18}, Language.ES: {**_LONGEST, "area": 22}}
"""Septets of the longest value of each slot that texts are counted with (`clinical-protocol` B)."""

SLOTS = frozenset(LONGEST[Language.EN])

_SLOT = re.compile(r"\{([a-z_]+)\}")


class MissingSlot(ValueError):
    """A text has a blank that nothing was given for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing was given for {{{name}}}")
        self.name = name


@lru_cache(maxsize=2048)
def split_at_slots(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the words around the slots, always one more than slots, and the slots' names."""
    pieces = _SLOT.split(text)
    return tuple(pieces[::2]), tuple(pieces[1::2])


def slots_in(text: str) -> frozenset[str]:
    """Return the names of the slots in a text."""
    return frozenset(split_at_slots(text)[1])


def fill(text: str, slots: Mapping[str, str]) -> str:
    """Put values into a text's `{slots}`, accents and all; raises `MissingSlot`.

    Braces inside a value stay what they are. Values for slots that the text lacks are ignored.
    """
    words, names = split_at_slots(text)
    filled = [words[0]]
    for name, following in zip(names, words[1:], strict=True):
        filled.append(value_of(slots, name))
        filled.append(following)
    return "".join(filled)


def value_of(slots: Mapping[str, str], name: str) -> str:
    """Return what was given for a slot; raises `MissingSlot` when that is nothing, or blank."""
    value = slots.get(name)
    if value is None or not value.strip():
        raise MissingSlot(name)
    return value


class RegionWords(typing.Protocol):
    """What a needled region is called, and the moves that are good for it, by language."""

    @property
    def name(self) -> Mapping[Language, str]: ...
    @property
    def moves(self) -> Mapping[Language, str]: ...


def region_slots(
    regions: Mapping[str, RegionWords], code: str, language: Language
) -> dict[str, str]:
    """Return `{area}` and `{move}` of a region; raises `KeyError` for an unknown code."""
    region = regions[code]
    return {"area": region.name[language], "move": region.moves[language]}


# Three letters to a name.
_WEEKDAYS = {Language.EN: "MonTueWedThuFriSatSun", Language.ES: "lunmarmiéjueviesábdom"}
_MONTHS = {
    Language.EN: "JanFebMarAprMayJunJulAugSepOctNovDec",
    Language.ES: "enefebmarabrmayjunjulagosepoctnovdic",
}


def spoken_time(
    moment: datetime, zone: ZoneInfo, language: Language, *, now: datetime | None = None
) -> str:
    """Return a moment as patients read it, in local time: `Tue 10:30 AM`, `mar 9 AM`.

    With `now`, a moment a week or more ahead is given its date instead of a weekday that would
    name an earlier day as well: `Jan 2 9 AM`, `2 ene 9 AM`.
    """
    local = moment.astimezone(zone)
    clock = f"{local.hour % 12 or 12}{f':{local.minute:02}' if local.minute else ''}"
    half = "AM" if local.hour < 12 else "PM"
    return f"{_spoken_day(local, language, now)} {clock} {half}"


def _spoken_day(local: datetime, language: Language, now: datetime | None) -> str:
    if now is None or local.date() - now.astimezone(local.tzinfo).date() < timedelta(days=7):
        return _name(_WEEKDAYS[language], local.weekday())
    month = _name(_MONTHS[language], local.month - 1)
    return f"{local.day} {month}" if language is Language.ES else f"{month} {local.day}"


def _name(names: str, index: int) -> str:
    return names[3 * index : 3 * index + 3]
