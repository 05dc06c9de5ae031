"""How claims end: the outcomes of a batch come back, and claims nobody answers for run out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from service.domain.values import MessageState
from service.store.base import spelled
from service.store.messages import MESSAGES


@dataclass(frozen=True, slots=True)
class WrittenOutcome:
    """What becomes of a claimed row. `send_at` differs from the claim's only for a later try."""

    id: UUID
    claim_token: UUID
    state: MessageState
    reason: str | None
    send_at: datetime
    provider_ref: str | None = None
    provider_status: str | None = None
    error_code: int | None = None
    segments: int | None = None
    sent_at: datetime | None = None
    ask_at: datetime | None = None


_WRITTEN = {
    "state": "text",
    "reason": "text",
    "send_at": "timestamptz",
    "provider_ref": "text",
    "provider_status": "text",
    "error_code": "integer",
    "segments": "integer",
    "sent_at": "timestamptz",
    "ask_at": "timestamptz",
}
_ROW = {"id": "uuid", "token": "uuid"} | _WRITTEN
# One statement a batch: row by row, each would wait for its turn between the sends' own work.
_ROWS_FROM_JSON = {
    "sqlite": "(SELECT "  # noqa: S608  # made of the names above alone
    + ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(_ROW))
    + " FROM json_each(:rows)) AS written",
    "postgresql": "(SELECT "  # noqa: S608  # as above
    + ", ".join(
        f"CAST(value ->> {place} AS {kind}) AS {name}"
        for place, (name, kind) in enumerate(_ROW.items())
    )
    + " FROM json_array_elements(CAST(:rows AS json))) AS written",
}
_WRITE_OUTCOMES = {
    dialect: text(
        "UPDATE message SET "  # noqa: S608  # as above
        + ", ".join(f"{name} = written.{name}" for name in _WRITTEN)
        + f" FROM {rows} WHERE message.id = written.id"
        + " AND message.claim_token = written.token AND message.state = 'claimed'"
    )
    for dialect, rows in _ROWS_FROM_JSON.items()
}


def write_outcomes(db: Session, outcomes: Sequence[WrittenOutcome]) -> None:
    """Write what became of claimed rows; a row that is no longer this claim's is left alone."""
    if outcomes:
        statement = _WRITE_OUTCOMES[db.get_bind().dialect.name]
        rows = json.dumps([_as_row(one) for one in outcomes])
        db.connection().execute(statement, {"rows": rows})


def _as_row(one: WrittenOutcome) -> list[str | int | None]:
    return [
        one.id.hex,
        one.claim_token.hex,
        one.state,
        one.reason,
        _as_stored(one.send_at),
        one.provider_ref,
        one.provider_status,
        one.error_code,
        one.segments,
        _as_stored(one.sent_at),
        _as_stored(one.ask_at),
    ]


def _as_stored(moment: datetime | None) -> str | None:
    """Return a time as both databases take it from JSON: in UTC, without saying so."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def expire_leases(db: Session, now: datetime, grace: timedelta) -> int:
    """Put claims whose worker was not heard of again to `unknown`; never back to planned (S2).

    The provider is asked about them once `grace` has passed.
    """
    expired = db.connection().execute(
        update(MESSAGES)
        .where(MESSAGES.c.state == spelled(MessageState.CLAIMED), MESSAGES.c.lease_until < now)
        .values(
            state=MessageState.UNKNOWN,
            reason="the worker stopped while it was sending",
            ask_at=now + grace,
            asked=0,
        )
    )
    return expired.rowcount
