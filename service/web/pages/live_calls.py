"""News of the call list while it is open: the list drawn anew whenever it, or a minute, changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import anyio.to_thread
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError

from service.pathway.call_list import call_list, note_reading
from service.pathway.signing_in import SignedInStaff, who_is
from service.store.call_list import Which, news_of
from service.web.deps import WebParts
from service.web.pages.drawing import templates
from service.web.pages.staff import form_field

LOOK_EVERY = 2.0
"""Seconds between two looks."""
OVER = "event: over\ndata: sign in again\n\n"
_STILL_HERE = ": still here\n\n"


class CallWatch:
    """One open page's look at its list; knows what it has shown already."""

    def __init__(
        self, parts: WebParts, request: Request, token: str, which: Which, start: int
    ) -> None:
        self._parts = parts
        self._request = request
        self._token = token
        self._which = which
        self._start = start
        self._last: tuple[Any, ...] | None = None
        self._seen: set[UUID] = set()

    def look(self) -> str:
        """Return what to tell the page: the list, that nothing changed, or that it is over.

        Looking does not count as somebody being there: a page left open signs itself out.
        """
        now = self._parts.now()
        wall = (self._parts.wall_clock or self._parts.now)()
        try:
            with self._parts.sessions.begin() as db:
                staff = who_is(db, self._token, wall, acts=False)
                if not isinstance(staff, SignedInStaff):
                    return OVER
                news = (_minute(now), *news_of(db, staff.clinic_id))
                if news == self._last:
                    return _STILL_HERE
                shown = call_list(
                    db,
                    staff.clinic,
                    self._which,
                    staff.name,
                    now,
                    start=self._start,
                    speed=self._parts.speed,
                )
                flags = {line.flag_id for line in shown.lines}
                if self._last is not None:
                    # What it showed first was written down with the page itself.
                    note_reading(db, staff.clinic_id, flags - self._seen, staff.name, now)
        except SQLAlchemyError:
            return _STILL_HERE  # the next look may find the database again
        self._seen |= flags
        self._last = news
        drawn = (
            templates()
            .get_template("staff/_call_list.html")
            .render(
                shown=shown, staff=staff, lists=list(Which), form_token=form_field(self._request)
            )
        )
        return _event("list", drawn)


async def events_of(watch: CallWatch, *, go_on: bool = True) -> AsyncIterator[str]:
    """Yield what there is to tell, for as long as the page is open and its reader signed in."""
    while True:
        told = await anyio.to_thread.run_sync(watch.look)
        yield told
        if told == OVER or not go_on:
            return
        await asyncio.sleep(LOOK_EVERY)


def _minute(now: datetime) -> int:
    """The countdowns are in minutes."""
    return int(now.timestamp() // 60)


def _event(name: str, text: str) -> str:
    lines = "\n".join(f"data: {line}" for line in text.splitlines() if line.strip())
    return f"event: {name}\n{lines}\n\n"
