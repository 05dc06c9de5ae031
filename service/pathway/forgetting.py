"""Retention: what is kept for some time only goes when that is over (docs/decisions/retention.md).

A patient's record is not among it: how long a clinic keeps those is the law's and the clinic's, and
ends by erasure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from service.store.engine import Sessions
from service.store.outdated import (
    AT_ONCE,
    delete_dead_workers,
    delete_ended_sign_ins,
    forget_strangers_numbers,
    forget_strangers_words,
)

STRANGERS = timedelta(days=90)
"""Words and numbers of people who are nobody's patient."""
SIGN_INS = timedelta(days=90)
WORKERS = timedelta(days=30)

_KEPT: tuple[tuple[str, timedelta, Callable[[Session, datetime], int]], ...] = (
    ("strangers' words", STRANGERS, forget_strangers_words),
    ("strangers' numbers", STRANGERS, forget_strangers_numbers),
    ("sign-ins", SIGN_INS, delete_ended_sign_ins),
    ("workers", WORKERS, delete_dead_workers),
)
_log = structlog.get_logger()


def forget_outdated(sessions: Sessions, now: datetime) -> dict[str, int]:
    """Take out what has been kept for long enough; return how many rows of each kind."""
    gone = {}
    for name, kept_for, forget in _KEPT:
        gone[name] = _piece_by_piece(sessions, forget, now - kept_for)
        if gone[name]:
            _log.info("forgotten", what=name, rows=gone[name])
    return gone


def _piece_by_piece(
    sessions: Sessions, forget: Callable[[Session, datetime], int], before: datetime
) -> int:
    total = 0
    while True:
        with sessions.begin() as db:
            rows = forget(db, before)
        total += rows
        if rows < AT_ONCE:
            return total
