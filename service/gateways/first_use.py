"""A gateway that is made on the event loop it sends on, when it first sends."""

from __future__ import annotations

from collections.abc import Callable

from service.domain.outcomes import Outcome
from service.gateways.ports import Gateway, Outgoing


class MadeAtFirstUse:
    """Connections belong to one event loop; a worker's begins only when it runs."""

    def __init__(self, make: Callable[[], Gateway]) -> None:
        self._make = make
        self._gateway: Gateway | None = None

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Hand one message over, as the gateway itself does."""
        if self._gateway is None:
            self._gateway = self._make()
        return await self._gateway.send(outgoing)

    async def close(self) -> None:
        """Let go of what the gateway holds, if it was ever made."""
        if self._gateway is not None:
            await self._gateway.close()
