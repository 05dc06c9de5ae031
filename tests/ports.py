"""Ports for the processes that tests start."""

import random
import socket
from contextlib import suppress

_BELOW_OUTGOING = range(15_000, 32_000)
"""Outgoing connections take theirs from above: one chosen there may be gone before it is used."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = random.choice(_BELOW_OUTGOING)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
