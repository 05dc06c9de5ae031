"""Small pieces of work that come at once are written in one transaction, each for itself.

On SQLite one writes at a time, and a commit takes as long as what it commits: what comes in while
another commits waits for it anyway, and goes together into the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from service.store.engine import Sessions

T = TypeVar("T")

_MOST = 50
"""Pieces in one transaction: others must not wait long for it."""


class Together:
    """Does work that each caller would do in a transaction of its own; safe from any thread."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._engine: Engine = sessions.kw["bind"]
        # PostgreSQL has many writers, who would only wait for one another's locks.
        self._one_writer = self._engine.dialect.name == "sqlite"
        self._guard = Lock()
        self._leading = Lock()
        self._waiting: list[_Piece[Any]] = []

    def do(self, work: Callable[[Session], T]) -> T:
        """Return what `work` returns, once it is committed; what it raises is undone and raised.

        Work of others may share the transaction; whatever goes wrong there does not concern it. A
        transaction that fails as a whole fails for all in it, and nothing of it is stored.
        """
        if not self._one_writer:
            with self._sessions.begin() as db:
                return work(db)
        piece = _Piece(work)
        with self._guard:
            self._waiting.append(piece)
        while not piece.is_done:
            # Who gets in does what has gathered; mostly that is done by whoever was in before.
            with self._leading:
                if not piece.is_done:
                    self._lead()
        return piece.outcome()

    def _lead(self) -> None:
        with self._guard:
            pieces, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        try:
            with self._engine.begin() as connection:
                for piece in pieces:
                    piece.attempt(self._sessions, connection, alone=len(pieces) == 1)
        except Exception as error:  # It is raised again by each whose work it undid.
            for piece in pieces:
                piece.fail(error)
        for piece in pieces:
            piece.is_done = True


@dataclass(eq=False)
class _Piece(Generic[T]):
    """One caller's work, and what came of it."""

    work: Callable[[Session], T]
    is_done: bool = False
    _result: tuple[T] | None = None
    _error: Exception | None = None

    def attempt(self, sessions: Sessions, connection: Connection, *, alone: bool) -> None:
        """Do it so that its failure undoes nothing but itself."""
        mode: Any = "rollback_only" if alone else "create_savepoint"
        try:
            with sessions(bind=connection, join_transaction_mode=mode) as db, db.begin():
                self._result = (self.work(db),)
        except Exception as error:  # It is raised again where the work was asked for.
            self._error = error

    def fail(self, error: Exception) -> None:
        """The transaction ended in this error; one of its own goes before."""
        self._error = self._error or error

    def outcome(self) -> T:
        """Return what the work returned, or raise."""
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise RuntimeError("work that was never done")
        return self._result[0]
