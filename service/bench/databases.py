"""A database to measure on: new and empty, at the current version, with one clinic."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from service.bench.servers import SECRET
from service.clock import system_now
from service.domain.protocol import CURRENT_VERSION
from service.domain.values import Channel, Language, MessageKind, MessageState, lane_of
from service.pathway.administration import create_api_key, create_clinic
from service.store.base import new_id
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.messages import Message
from service.store.patients import Address
from service.store.schema import migrate
from service.store.secrets import Vault

SENDER = "+12815550000"
_A_LOT = 1_000_000.0
"""Segments a second: pacing must not be what is measured."""


@dataclass(frozen=True)
class Measured:
    """A database with one clinic and its API key."""

    url: str
    sessions: Sessions
    clinic_id: UUID
    api_key: str

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.split(":", maxsplit=1)[0]


@contextmanager
def measured_database(url: str | None) -> Iterator[Measured]:
    """Yield a database for one measurement; `url` must name an empty one, None a new file."""
    with tempfile.TemporaryDirectory(prefix="aftercare-bench-") as folder:
        url = url or f"sqlite:///{folder}/bench.db"
        engine = open_engine(url, Vault([SECRET]))
        migrate(engine)
        sessions = open_sessions(engine)
        with sessions.begin() as db:
            clinic = create_clinic(
                db,
                name="Bench",
                time_zone="America/Chicago",
                phone="281-555-0100",
                sender=SENDER,
                now=system_now(),
            )
            clinic.segments_per_second = _A_LOT
            db.flush()
            _, token = create_api_key(db, clinic, name="bench", now=system_now())
            clinic_id = clinic.id
        try:
            yield Measured(url, sessions, clinic_id, token)
        finally:
            engine.dispose()


def phone(number: int) -> str:
    """Return the invented number of the patient with this number."""
    return f"+1281{5_000_000 + number:07d}"


def owe(
    database: Measured,
    messages: int,
    send_at: Callable[[int], datetime],
    useful_for: timedelta = timedelta(hours=8),
    first: int = 0,
) -> None:
    """Plan one tip each for so many patients, the one with number N at `send_at(N)`.

    `first` is the number of the first of them.
    """
    with database.sessions.begin() as db:
        now = system_now()
        addresses = [
            {
                "id": new_id(),
                "clinic_id": database.clinic_id,
                "channel": Channel.SMS,
                "lookup_hash": phone(number).encode(),
                "value": phone(number),
                "created_at": now,
            }
            for number in range(first, first + messages)
        ]
        db.execute(insert(Address), addresses)
        db.execute(
            insert(Message),
            [
                _tip(database.clinic_id, address["id"], send_at(number), useful_for, now)
                for number, address in enumerate(addresses, first)
            ],
        )


def _tip(
    clinic_id: UUID, address_id: object, send_at: datetime, useful_for: timedelta, now: datetime
) -> dict[str, Any]:
    until = send_at + useful_for
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "address_id": address_id,
        "key": "hydrate",
        "kind": MessageKind.TIP,
        "lane": int(lane_of(MessageKind.TIP)),
        "channel": Channel.SMS,
        "wording": "hydrate",
        "language": Language.EN,
        "protocol_version": CURRENT_VERSION,
        "due_at": send_at,
        "send_at": send_at,
        "send_before": until,
        "useful_until": until,
        "state": MessageState.PLANNED,
        "created_at": now,
    }
