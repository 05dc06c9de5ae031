"""How handing a message to a provider can end: it took it, refused it, or left us not knowing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it; `ref` is its name for it, `status` its own word for where it is."""

    ref: str
    status: str
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider did certainly not take it.

    `code` is the provider's own, if it gave one. `retry_after` is the least number of seconds to
    wait before the same message may be tried again; None when trying again is of no use.
    """

    code: int | None
    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may or may not have been taken: nobody sends it again before the provider was asked."""

    why: str


Outcome = Accepted | Refused | Unclear
