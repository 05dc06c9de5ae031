"""What a provider's word for a text means, and which of two words is the later one.

Status callbacks come late, twice and in any order; a message must end the same whatever the order
(`reliability.md` S7). So each status has a rank, and a message only ever climbs.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.values import MessageState


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message is: the provider's word, our state for it, and that in plain words."""

    status: str
    state: MessageState
    reason: str


# From first to last. What comes later in this list wins, also between two words for the end:
# proof that a text arrived outweighs a report that it did not.
_LADDER = (
    Standing("scheduled", MessageState.ACCEPTED, "The provider has taken it."),
    Standing("accepted", MessageState.ACCEPTED, "The provider has taken it."),
    Standing("queued", MessageState.ACCEPTED, "It waits at the provider."),
    Standing("sending", MessageState.ACCEPTED, "It is on its way to the phone network."),
    Standing("sent", MessageState.ACCEPTED, "The phone network has taken it."),
    Standing("partially_delivered", MessageState.ACCEPTED, "A part of it has arrived."),
    Standing("canceled", MessageState.CANCELLED, "It was cancelled at the provider."),
    Standing("failed", MessageState.UNDELIVERED, "The provider could not send it."),
    Standing("undelivered", MessageState.UNDELIVERED, "The phone network could not deliver it."),
    Standing("delivered", MessageState.DELIVERED, "It has arrived."),
    Standing("read", MessageState.DELIVERED, "It has arrived and was opened."),
)
_RANK = {standing.status: rank for rank, standing in enumerate(_LADDER)}

UNRANKED = -1
"""The rank of no status at all, and of a word that we do not know."""


def rank_of(status: str | None) -> int:
    """Return how far along a status is; `UNRANKED` for None and for unknown words."""
    return UNRANKED if status is None else _RANK.get(status.lower(), UNRANKED)


def standing_of(status: str) -> Standing | None:
    """Return what a provider's status means; None for a word that we do not know."""
    rank = rank_of(status)
    return None if rank == UNRANKED else _LADDER[rank]


def climbs(current: str | None, incoming: str) -> Standing | None:
    """Return the new standing when `incoming` is news to a message whose last status is `current`.

    None when it is not: a repeat, a straggler, or an unknown word. `current` is None as long as
    the provider has said nothing, also for a send that ended unknown: its first status settles it.
    """
    return standing_of(incoming) if rank_of(incoming) > rank_of(current) else None
