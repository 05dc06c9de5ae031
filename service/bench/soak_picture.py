"""A soak drawn: one small chart for each thing that must not grow, over the minutes of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_WIDE, _HIGH, _GAP, _LEFT = 720, 110, 46, 64
_CHARTS = (
    ("Texts left late, p99, ms", ("late_p99",)),
    ("Replies taken in, p99, ms", ("reply_p99",)),
    ("Memory of web and worker, MB", ("web_mb", "worker_mb")),
    ("Texts overdue by more than a second", ("overdue",)),
    ("Database and log, MB", ("database_mb",)),
)
_INKS = ("#0f766e", "#b45309")


def drawn(samples: Sequence[dict[str, Any]]) -> str:
    """Return an SVG of the samples; each chart begins at 0 and names its highest value."""
    charts = "".join(
        _chart(number, title, names, samples) for number, (title, names) in enumerate(_CHARTS)
    )
    height = len(_CHARTS) * (_HIGH + _GAP) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE + _LEFT + 20} {height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{charts}</svg>\n"
    )


def _chart(
    number: int, title: str, names: tuple[str, ...], samples: Sequence[dict[str, Any]]
) -> str:
    top = 30 + number * (_HIGH + _GAP)
    most = max(max(one[name] for one in samples) for name in names) or 1
    last = samples[-1]["minute"] or 1
    lines = "".join(
        f'<polyline fill="none" stroke="{ink}" stroke-width="1.5" points="'
        + " ".join(
            f"{_LEFT + one['minute'] / last * _WIDE:.1f},{top + _HIGH * (1 - one[name] / most):.1f}"
            for one in samples
        )
        + '"/>'
        for name, ink in zip(names, _INKS, strict=False)
    )
    return (
        f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{title}</text>'
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{most:,.0f}</text>'
        f'<text x="{_LEFT - 6}" y="{top + _HIGH}" text-anchor="end">0</text>'
        f'<path d="M{_LEFT} {top}V{top + _HIGH}H{_LEFT + _WIDE}" fill="none" stroke="#94a3b8"/>'
        f'<text x="{_LEFT + _WIDE}" y="{top + _HIGH + 14}" text-anchor="end">{last:.0f} min</text>'
        f"{lines}"
    )
