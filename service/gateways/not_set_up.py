"""Stands where a provider is missing, so that what should go out ends with a reason."""

from __future__ import annotations

from service.domain.outcomes import Outcome, Refused
from service.gateways.ports import Outgoing


class NotSetUp:
    """Refuses everything; `reason` is what the clinic reads."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def send(self, outgoing: Outgoing) -> Outcome:  # noqa: ARG002  # the port's own shape
        """Refuse for good."""
        return Refused(None, self._reason)

    async def close(self) -> None:
        """There is nothing to let go of."""
