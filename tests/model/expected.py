"""The model: of a clinic with a few patients, only what must hold for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

RED = {
    "i cant breathe right": "emergency",
    "9 and getting worse": "urgent",
    "my hand is still numb": "urgent",
    "no puedo respirar": "emergency",
}
FINE = ("2", "1 much better thanks", "sore but ok", "2 mejor gracias")
STOP = ("STOP", "stop please", "no more texts", "ya no me manden mensajes", "Unsubscribe")
STOP_AND_RED = ("STOP i cant breathe", "stop texting me my hand is numb")
START = ("START",)
KINDS_OF_WORDS = (FINE, tuple(RED), STOP, STOP_AND_RED, START)

CONFIRMS_A_STOP = frozenset({"stop", "stop_serious"})


@dataclass
class Posted:
    """One text as it left: which row, to whom, when."""

    message_id: UUID
    phone: str
    at: datetime
    taken: bool
    """The provider has it, whatever it answered."""


@dataclass
class Person:
    """What the clinic knows it agreed with one patient."""

    phone: str
    patient_id: UUID
    stopped: bool = False
    """By staff."""
    erased: bool = False
    sessions: list[UUID] = field(default_factory=list)
    """Newest last; only that one may still send."""
    over: bool = False
    """The newest session was cancelled."""


@dataclass
class Clinic:
    """Everything that the machine has done so far, as the clinic would tell it."""

    people: dict[str, Person] = field(default_factory=dict)
    opted_out_since: dict[str, datetime] = field(default_factory=dict)
    """By number: an opt-out is the number's, whoever has it later."""
    posted: list[Posted] = field(default_factory=list)
    red: list[tuple[UUID, str]] = field(default_factory=list)
    """Replies that somebody must act on, with the least level of their flag."""
    called: set[UUID] = field(default_factory=set)
    """Flags whose call was made."""

    def copies(self, message_id: UUID) -> int:
        """How often the provider took a row's text."""
        return sum(one.taken for one in self.posted if one.message_id == message_id)
