"""A burst of messages that are all due at once, and what must be true of it in the end."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, insert, or_, select

from service.domain.values import Channel, Language, MessageKind, MessageState, lane_of
from service.sandbox.journal import Entry
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.patients import Address
from tests.make import a_clinic

_SENT = (MessageState.ACCEPTED, MessageState.DELIVERED)
_WORDINGS = {MessageKind.CHECKIN: "nudge_48h", MessageKind.TIP: "hydrate"}


def plan_burst(sessions: Sessions, messages: int) -> None:
    """Owe as many patients one message each, check-ins and tips in turn, from now on for days."""
    now = datetime.now(UTC)
    with sessions.begin() as db:
        # Pacing must not stretch the burst: this clinic's sender is as fast as can be.
        clinic = a_clinic(db, segments_per_second=1_000_000.0)
        addresses = [_address(clinic, number, now) for number in range(messages)]
        db.execute(insert(Address), addresses)
        kinds = (MessageKind.CHECKIN, MessageKind.TIP)
        db.execute(
            insert(Message),
            [
                _message(clinic, address["id"], kinds[number % 2], now)
                for number, address in enumerate(addresses)
            ],
        )


def _address(clinic: Clinic, number: int, now: datetime) -> dict[str, object]:
    phone = f"+1281{5_000_000 + number:07d}"
    return {
        "id": new_id(),
        "clinic_id": clinic.id,
        "channel": Channel.SMS,
        "lookup_hash": phone.encode(),
        "value": phone,
        "created_at": now,
    }


def _message(clinic: Clinic, address: object, kind: MessageKind, now: datetime):
    return {
        "id": new_id(),
        "clinic_id": clinic.id,
        "address_id": address,
        "key": _WORDINGS[kind],
        "kind": kind,
        "lane": int(lane_of(kind)),
        "channel": Channel.SMS,
        "wording": _WORDINGS[kind],
        "language": Language.EN,
        "protocol_version": 1,
        "due_at": now,
        "send_at": now,
        "send_before": now + timedelta(days=20),
        "useful_until": now + timedelta(days=20),
        "state": MessageState.PLANNED,
        "created_at": now,
    }


def unsettled(sessions: Sessions) -> int:
    """How many messages are not at an end yet."""
    open_states = (MessageState.PLANNED, MessageState.CLAIMED, MessageState.UNKNOWN)
    return _count(sessions, Message.state.in_(open_states))


def still_to_send(sessions: Sessions) -> int:
    """How many messages nobody has claimed yet."""
    return _count(sessions, Message.state == MessageState.PLANNED)


def doubtful(sessions: Sessions) -> int:
    """How many messages may or may not have been taken, as far as we know."""
    return _count(
        sessions, or_(Message.state == MessageState.CLAIMED, Message.state == MessageState.UNKNOWN)
    )


def _count(sessions: Sessions, condition) -> int:
    with sessions() as db:
        return db.scalar(select(func.count()).select_from(Message).where(condition)) or 0


class Tail:
    """Counts what a provider has accepted, by reading on in its journal."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self.accepted = path, 0, 0

    def reaches(self, count: int) -> bool:
        """Has the provider accepted so many?"""
        if not self._path.exists():
            return False
        with self._path.open("rb") as journal:
            journal.seek(self._read)
            more = journal.read()
        self._read += len(more)
        self.accepted += more.count(b'"event":"accepted"')
        return self.accepted >= count


def check_burst(sessions: Sessions, journal: list[Entry]) -> dict[str, int]:
    """Hold the rows against the provider's own journal (`reliability` S1-S6); return figures."""
    taken = [entry for entry in journal if entry["event"] == "accepted"]
    dropped = {entry["to"] for entry in journal if entry["event"] == "dropped"}
    copies = Counter(entry["recipient"] for entry in taken)
    sids = {entry["sid"]: entry for entry in taken}
    with sessions() as db:
        rows = db.execute(
            select(Message, Address.value).join(Address, Address.id == Message.address_id)
        ).all()
    doubled = [phone for phone, count in copies.items() if count > 1]
    lost, wrong = [], []
    for message, phone in rows:
        if message.state in _SENT:
            entry = sids.pop(message.provider_ref, None)
            if entry is None or entry["recipient"] != phone or entry["sender"] != "+12815550000":
                wrong.append(message.id)
        elif not _may_end_unsent(message) or phone in copies:
            lost.append(message.id)
        if message.kind is MessageKind.TIP and phone in dropped and phone in copies:
            # Its first attempt was in doubt: a tip is not attempted again.
            wrong.append(message.id)
    # Each accepted text belongs to exactly one row (S6).
    assert (doubled, _told(lost), _told(wrong), list(sids)) == ([], [], [], [])
    return {
        "messages": len(rows),
        "accepted": len(taken),
        "doubled": len(doubled),
        "lost": len(lost),
        "found by asking": sum(
            m.state in _SENT and m.reason != "The provider has taken it." for m, _ in rows
        ),
        "sent again after two noes": sum(m.attempts > 1 for m, _ in rows),
        "tips given up": sum(m.state is MessageState.SKIPPED for m, _ in rows),
    }


def _may_end_unsent(message: Message) -> bool:
    """Only a tip may, of which the provider said twice that it never had it."""
    return (
        message.kind is MessageKind.TIP
        and message.state is MessageState.SKIPPED
        and message.reason is not None
        and message.reason.startswith("Not sent: the provider never had it")
    )


def _told(ids: list[UUID]) -> list[str]:
    return [str(one) for one in ids]


def how_many(name: str, usually: int) -> int:
    """Return a size that a longer run can set by an environment variable (CONTRIBUTING.md)."""
    return int(os.environ.get(name, usually))
