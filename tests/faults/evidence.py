"""What a campaign leaves behind: the provider's journal, the database, and what the harness saw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, inspect, select, text

from service.domain.protocol import load_protocol
from service.domain.protocol.model import Step
from service.domain.values import MessageKind
from service.pathway.composing import text_of
from service.sandbox.journal import Entry, read_journal
from service.store.audit import AuditEntry, first_broken
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from service.store.replies import Reply
from service.store.sessions import TreatmentSession

AUTOMATIC = (MessageKind.REPLY, MessageKind.NOTICE)
_UNIQUE = (
    ("message", ("session_id", "key", "channel")),
    ("message", ("provider_ref",)),
    ("message", ("reply_id", "key", "channel")),
    ("reply", ("provider", "provider_ref")),
    ("audit", ("position",)),
)


@dataclass(frozen=True)
class OptOutSeen:
    """An opt-out as it was just after its commit: how often each message had been claimed."""

    address_id: UUID
    claims: Mapping[UUID, int]


@dataclass
class Seen:
    """What the harness knows beside journal and database.

    `stops` and `reds` are the sids of inbound texts that the workload meant as a wish to stop, or
    as a red flag. `receipts` is true when the provider could report every text to its end,
    `quiet` when nothing was under way any more at the end.
    """

    stops: set[str] = field(default_factory=set)
    reds: set[str] = field(default_factory=set)
    opt_outs: list[OptOutSeen] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    """Real seconds that each call to the provider took."""
    receipts: bool = False
    quiet: bool = True
    polled: bool = True


@dataclass(frozen=True)
class Post:
    """One request to send that reached the provider, and what it did with it."""

    event: str
    at: datetime
    row: UUID | None
    entry: Entry

    @property
    def certainly_not_taken(self) -> bool:
        """Did the answer leave no doubt that nothing was sent (`reliability` 2.2, step 3)?"""
        return self.event == "refused" and 400 <= self.entry["status"] < 500


@dataclass
class Evidence:
    """All of it, read once; what the invariants are checked against."""

    messages: dict[UUID, Message]
    addresses: dict[UUID, Address]
    clinics: dict[UUID, Clinic]
    patients: dict[UUID, Patient]
    sessions: dict[UUID, TreatmentSession]
    replies: list[Reply]
    flags: list[Flag]
    audit: list[AuditEntry]
    broken_at: int | None
    damage: list[str]
    missing_indexes: list[str]
    journal: list[Entry]
    seen: Seen

    def __post_init__(self) -> None:
        self.posts = [_post(entry) for entry in self.journal if entry["event"] in _POSTS]
        self.accepted = [post for post in self.posts if post.event == "accepted"]
        self.inbound = [entry for entry in self.journal if entry["event"] == "inbound"]
        self.posts_of: dict[UUID, list[Post]] = defaultdict(list)
        for post in self.posts:
            if post.row is not None:
                self.posts_of[post.row].append(post)
        self.messages_to: dict[UUID, list[Message]] = defaultdict(list)
        for message in self.messages.values():
            self.messages_to[message.address_id].append(message)
        self.replies_by_ref: dict[str, list[Reply]] = defaultdict(list)
        for reply in self.replies:
            self.replies_by_ref[reply.provider_ref].append(reply)

    def to(self, address_id: UUID) -> Iterator[Message]:
        """All that was planned for one address; notices are to staff."""
        return (m for m in self.messages_to[address_id] if m.kind is not MessageKind.NOTICE)

    def scheduled(self) -> Iterator[tuple[Post, Message, Step]]:
        """The accepted texts that are on the protocol's schedule, with their rows and steps."""
        for post in self.accepted:
            message = self.messages.get(post.row) if post.row else None
            if message is not None and message.kind not in AUTOMATIC:
                yield post, message, load_protocol(message.protocol_version).step(message.key)

    def zone_of(self, message: Message) -> ZoneInfo:
        """The patient's zone, or the clinic's."""
        patient = self.patients.get(message.patient_id) if message.patient_id else None
        own = patient.time_zone if patient else None
        return ZoneInfo(own or self.clinics[message.clinic_id].time_zone)

    def words_of(self, message: Message) -> str:
        """The text as it should have gone out."""
        clinic = self.clinics[message.clinic_id]
        return text_of(message, clinic.facts(), ZoneInfo(clinic.time_zone)).text

    def flagged(self, message: Message) -> bool:
        """Is somebody asked to phone about this message, or about its session?

        Silence after another question of the session does not count.
        """
        return any(
            flag.message_id == message.id
            or (flag.session_id == message.session_id and flag.kind != "no_answer")
            for flag in self.flags
            if flag.session_id is not None or flag.message_id is not None
        )

    def noted(self, subject: str, action: str) -> list[AuditEntry]:
        """The audit's entries of one kind about one record."""
        return [one for one in self.audit if one.subject == subject and one.action == action]


_POSTS = ("accepted", "refused", "dropped")


def _post(entry: Entry) -> Post:
    url = entry.get("callback_url")
    row = UUID(url.rsplit("/", 1)[1]) if url else None
    return Post(entry["event"], at_of(entry), row, entry)


def at_of(entry: Entry) -> datetime:
    """When the provider wrote an entry."""
    return datetime.fromisoformat(entry["at"])


def read_evidence(
    sessions: Sessions, journal: Path | Sequence[Entry], seen: Seen | None = None
) -> Evidence:
    """Read everything that the checker looks at; the database as it is at one moment."""
    entries = list(read_journal(journal)) if isinstance(journal, Path) else list(journal)
    with sessions() as db:

        def all_of(kind: type[Any]) -> list[Any]:
            return list(db.scalars(select(kind)))

        evidence = Evidence(
            messages={one.id: one for one in all_of(Message)},
            addresses={one.id: one for one in all_of(Address)},
            clinics={one.id: one for one in all_of(Clinic)},
            patients={one.id: one for one in all_of(Patient)},
            sessions={one.id: one for one in all_of(TreatmentSession)},
            replies=all_of(Reply),
            flags=all_of(Flag),
            audit=all_of(AuditEntry),
            broken_at=first_broken(db),
            damage=_damage(db.connection()),
            missing_indexes=_missing_indexes(db.connection()),
            journal=entries,
            seen=seen or Seen(),
        )
        db.expunge_all()
    return evidence


SLACK = timedelta(seconds=2)
"""Clocks of one machine are compared; a wait that ends a little early is no fault."""


def _damage(connection: Connection) -> list[str]:
    """Return what SQLite finds wrong with its file; PostgreSQL looks after itself."""
    if connection.dialect.name != "sqlite":
        return []
    whole = [row[0] for row in connection.execute(text("PRAGMA integrity_check"))]
    loose = [str(tuple(row)) for row in connection.execute(text("PRAGMA foreign_key_check"))]
    return [one for one in whole if one != "ok"] + loose


def _missing_indexes(connection: Connection) -> list[str]:
    found = set()
    schema = inspect(connection)
    for table in {table for table, _ in _UNIQUE}:
        for index in schema.get_indexes(table):
            if index["unique"]:
                found.add((table, tuple(index["column_names"])))
        for constraint in schema.get_unique_constraints(table):
            found.add((table, tuple(constraint["column_names"])))
    return [
        f"{table}({', '.join(names)})" for table, names in _UNIQUE if (table, names) not in found
    ]
