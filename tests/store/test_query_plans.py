"""What workers ask all day is found through the index of what is due, however long the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, insert, text
from sqlalchemy.orm import Session

from service.domain.values import Channel, Language, MessageKind, MessageState
from service.store import claims
from service.store.base import new_id
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.outcomes import expire_leases
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address

HISTORY = 3000
AHEAD = timedelta(seconds=1)


@pytest.fixture
def clinic_id(sessions: Sessions) -> UUID:
    """A clinic that has one message due, among thousands delivered long ago or for later."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        a_message(db, clinic, address, kind=MessageKind.TIP)
        delivered = {
            "clinic_id": clinic.id,
            "address_id": address.id,
            "key": "hydrate",
            "kind": MessageKind.TIP,
            "lane": 2,
            "channel": Channel.SMS,
            "wording": "hydrate",
            "language": Language.EN,
            "protocol_version": 1,
            "due_at": NOON,
            "send_at": NOON,
            "send_before": NOON + timedelta(hours=1),
            "useful_until": NOON + timedelta(hours=1),
            "state": MessageState.DELIVERED,
            "reason": "It arrived.",
            "created_at": NOON,
        }
        later = {"state": MessageState.PLANNED, "reason": None}
        later |= dict.fromkeys(("due_at", "send_at"), NOON + timedelta(days=2))
        later |= dict.fromkeys(("send_before", "useful_until"), NOON + timedelta(days=3))
        for rows in (delivered, delivered | later):
            db.execute(insert(Message), [rows | {"id": new_id()} for _ in range(HISTORY)])
        for number in range(500):
            an_address(db, clinic, f"+1281666{number:04}")
    with sessions.begin() as db:
        db.execute(text("ANALYZE"))
        return clinic.id


def plans_of(db: Session, ask: Callable[[], object]) -> Iterator[str]:
    """Yield the database's own plan for each statement that `ask` sends."""
    asked: list[tuple[str, Any]] = []

    def note(_: Connection, __: Any, statement: str, given: Any, *___: Any) -> None:
        asked.append((statement, given))

    engine = db.connection().engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    on_sqlite = engine.dialect.name == "sqlite"
    for statement, given in asked:
        explain = ("EXPLAIN QUERY PLAN " if on_sqlite else "EXPLAIN ") + statement
        rows = db.connection().exec_driver_sql(explain, given)
        yield "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        pytest.param(
            lambda db, _: claims.what_is_due(db, NOON), "ix_message_planned", id="what is due"
        ),
        pytest.param(
            lambda db, clinic_id: claims.claim(
                db, clinic_id, 2, Channel.SMS, 10, NOON, AHEAD, NOON + AHEAD
            ),
            "ix_message_planned",
            id="claiming it",
        ),
        pytest.param(
            lambda db, _: claims.past_their_window(db, NOON, 10),
            "ix_message_planned_send_before",
            id="whose window has passed",
        ),
        pytest.param(
            lambda db, _: expire_leases(db, NOON, AHEAD), "ix_message_claimed", id="lost workers"
        ),
    ],
)
def test_a_long_history_is_not_read_to_find(
    sessions: Sessions, clinic_id: UUID, ask: Callable[[Session, UUID], object], index: str
) -> None:
    with sessions() as db:
        [plan] = plans_of(db, lambda: ask(db, clinic_id))
    assert index in plan
    assert "SCAN message" not in plan
    # It would be filled from every address there is, for a handful of messages.
    assert "BLOOM FILTER" not in plan
    assert "Seq Scan on message" not in plan
