"""What a claim and a look in vain cost when millions of messages are planned for later."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from service.bench.databases import Measured, measured_database, owe
from service.clock import system_now
from service.domain.values import LANE_TIP, Channel
from service.store import claims

_BATCH = 100
_ROUNDS = 50
_AHEAD = timedelta(seconds=1)
_COLUMNS = (
    "clinic_id, address_id, key, kind, lane, channel, wording, language, protocol_version, "
    "send_before, useful_until, state, attempts, asked, created_at"
)
_LATER = {
    # Copies of one row, spread over the thirty days that begin a day from now.
    "sqlite": f"""
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
        INSERT INTO message (id, due_at, send_at, {_COLUMNS})
        SELECT lower(hex(randomblob(16))), t.at, t.at, {_COLUMNS} FROM (
            SELECT strftime('%Y-%m-%d %H:%M:%f000', :begin, '+' || (i % 2592000) || ' seconds') at
            FROM n) t, (SELECT * FROM message LIMIT 1)""",  # noqa: S608  # names from above alone
    "postgresql": f"""
        INSERT INTO message (id, due_at, send_at, {_COLUMNS})
        SELECT gen_random_uuid(), t.at, t.at, {_COLUMNS} FROM (
            SELECT CAST(:begin AS timestamptz) + (i % 2592000) * interval '1 second' AS at
            FROM generate_series(1, :rows) i) t, (SELECT * FROM message LIMIT 1) one""",  # noqa: S608  # as above
}


def run(*, future_rows: int, database_url: str | None) -> dict[str, Any]:
    """Plan `future_rows` messages for later and a few for now; return medians in milliseconds."""
    with measured_database(database_url) as database:
        # Their windows must reach past the last of the later ones, which are copies of them.
        now = system_now()
        owe(database, _BATCH * _ROUNDS, lambda _: now, useful_for=timedelta(days=60))
        _plan_for_later(database, future_rows)
        claim_ms = _median_ms(database, lambda db: _claim(db, database))
        look_ms = _median_ms(database, lambda db: claims.what_is_due(db, system_now()))
        return {
            "future_rows": future_rows,
            "database": database.kind,
            "rows_a_claim": _BATCH,
            "claim_ms_p50": claim_ms,
            "idle_look_ms_p50": look_ms,
        }


def _plan_for_later(database: Measured, rows: int) -> None:
    if rows == 0:
        return
    begin = (system_now() + timedelta(days=1)).replace(tzinfo=None).isoformat(" ", "seconds")
    with database.sessions.begin() as db:
        dialect = db.get_bind().dialect.name
        db.execute(text(_LATER[dialect]), {"rows": rows, "begin": begin})
    with database.sessions() as db:
        db.connection().exec_driver_sql("ANALYZE")
        db.commit()


def _claim(db: Session, database: Measured) -> None:
    now = system_now()
    claimed = claims.claim(
        db, database.clinic_id, int(LANE_TIP), Channel.SMS, _BATCH, now, _AHEAD, now + _AHEAD
    )
    if len(claimed) != _BATCH:
        raise RuntimeError(f"{len(claimed)} of {_BATCH} due messages were claimed")


def _median_ms(database: Measured, work: Callable[[Session], object]) -> float:
    took = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        with database.sessions.begin() as db:
            work(db)
        took.append(time.perf_counter() - began)
    return round(median(took) * 1000, 2)
