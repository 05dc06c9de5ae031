"""The care protocol: which messages a session asks for, when, and in which form; read from data.

`model` says what a protocol is, `loading` reads and checks the files of one version.
"""

from service.domain.protocol.loading import CURRENT_VERSION, ProtocolError, load_protocol
from service.domain.protocol.model import Limits, Protocol, Region, Step

__all__ = [
    "CURRENT_VERSION",
    "Limits",
    "Protocol",
    "ProtocolError",
    "Region",
    "Step",
    "load_protocol",
]
