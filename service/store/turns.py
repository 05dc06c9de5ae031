"""A line in which threads wait for what only one may have at a time: first come, first served."""

from __future__ import annotations

from collections import deque
from threading import Lock


class Turns:
    """Hands one turn from thread to thread in the order in which they asked.

    A plain lock may be taken again by the thread that just let go of it, for as long as it likes.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._holder: object = None
        self._line: deque[tuple[object, Lock]] = deque()

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    def take(self, holder: object, seconds: float) -> bool:
        """Wait for the turn and let `holder` have it; False when `seconds` went by in vain.

        A holder that has the turn keeps it.
        """
        with self._guard:
            if self._holder is None or self._holder is holder:
                self._holder = holder
                return True
            called = Lock()
            called.acquire()
            place = (holder, called)
            self._line.append(place)
        if called.acquire(timeout=seconds):
            return True
        with self._guard:
            if self._holder is holder:  # It was called in the very moment in which it gave up.
                return True
            self._line.remove(place)
            return False

    def give_back(self, holder: object) -> None:
        """Let the next in line have the turn; nothing happens if it is not `holder`'s."""
        with self._guard:
            if self._holder is not holder:
                return
            self._holder, called = self._line.popleft() if self._line else (None, None)
            if called is not None:
                called.release()
