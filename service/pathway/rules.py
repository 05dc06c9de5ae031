"""The pure rules that the handling of replies goes by, as functions handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.triage.readings import Circumstances, Reading
from service.domain.values import ClinicFacts, Level


@dataclass(frozen=True)
class Rules:
    """What is decided without database or clock; every time is aware UTC."""

    read_reply: Callable[[str, Circumstances], Reading]
    flag_deadline: Callable[[Level, datetime, ClinicFacts], datetime]
    """By when staff must call, for a flag of that level raised at that moment."""
    call_by: Callable[[Level, datetime, ClinicFacts], datetime]
    """The time promised to the patient; never one at which nobody works."""
    is_open: Callable[[datetime, ClinicFacts], bool]
    next_opening: Callable[[datetime, ClinicFacts], datetime]
    chest_adjacent: Callable[[Sequence[str]], bool]
    """Is any of these regions near the lungs?"""
    protocol_version: int
    """Words the answer to somebody who has no session that pins a version."""
