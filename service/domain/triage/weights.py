"""The learnt tables of word weights, as read from `data/weights.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HEADS = ("red", "emergency", "fine")
"""What the weights of a feature speak for, in this order."""


@dataclass(frozen=True)
class Weights:
    """The learnt tables: hundredths, so that a sum is exact and the same everywhere."""

    bias: tuple[int, int, int] = (-100, -100, -100)
    """Where each sum begins; without any weight it says nothing."""
    words: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """For each feature its weight towards red, emergency and fine."""
    categories: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """For each feature how much it speaks for a category."""
