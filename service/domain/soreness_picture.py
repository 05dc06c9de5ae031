"""Where things stand in the picture of soreness by hours: a column a band, 10 at the top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.insights import HourBand, Spread

WIDTH, HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 6, 14, 34
_WIDEST = 50
_THINNEST = 6
"""Also a middle half that is one score alone can be seen."""


@dataclass(frozen=True)
class Column:
    """One band of hours; `top` to `top + height` is the middle half, `middle` the line through it.

    Without answers enough there is only the name.
    """

    name: str
    centre: float
    left: float
    width: float
    top: float | None
    height: float | None
    middle: float | None


@dataclass(frozen=True)
class Picture:
    """The drawing's size, its columns, the heights of the scores named, and the middles joined."""

    width: int
    height: int
    columns: tuple[Column, ...]
    steps: tuple[tuple[int, float], ...]
    lines: tuple[str, ...]
    """Each as SVG's `points`; a band without answers enough breaks the line."""


def picture(bands: Sequence[HourBand], spreads: Mapping[str, Spread | None]) -> Picture:
    """Return where everything stands."""
    room = (WIDTH - _LEFT - _RIGHT) / len(bands)
    columns = tuple(
        _column(band.name.removesuffix(" h"), _LEFT + room * (place + 0.5), spreads.get(band.key))
        for place, band in enumerate(bands)
    )
    return Picture(
        width=WIDTH,
        height=HEIGHT,
        columns=columns,
        steps=tuple((score, height_of(score)) for score in range(0, 11, 2)),
        lines=_lines(columns),
    )


def height_of(score: int) -> float:
    """Return how far from the top a score stands."""
    room = HEIGHT - _TOP - _BOTTOM
    return round(_TOP + room * (10 - score) / 10, 1)


def _column(name: str, centre: float, spread: Spread | None) -> Column:
    left = round(centre - _WIDEST / 2, 1)
    if spread is None:
        return Column(name, round(centre, 1), left, _WIDEST, None, None, None)
    top, bottom = height_of(spread.high), height_of(spread.low)
    if bottom - top < _THINNEST:
        top = round((top + bottom - _THINNEST) / 2, 1)
        bottom = top + _THINNEST
    height = round(bottom - top, 1)
    return Column(name, round(centre, 1), left, _WIDEST, top, height, height_of(spread.middle))


def _lines(columns: Sequence[Column]) -> tuple[str, ...]:
    lines: list[list[str]] = [[]]
    for one in columns:
        if one.middle is None:
            lines.append([])
        else:
            lines[-1].append(f"{one.centre},{one.middle}")
    return tuple(" ".join(points) for points in lines if len(points) > 1)
