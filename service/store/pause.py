"""Sending is paused in every process while a restored database may know less than the provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists
from sqlalchemy.orm import Session

from service.store.workers import Bookmark, bookmark, move_bookmark

_PAUSED = "sending_paused_since"
_RESTORED = "restored"

SENDING_IS_PAUSED = exists().where(Bookmark.name == _PAUSED)

WHY = "sending is paused after a restore, until a worker has asked the provider what was sent since"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent: what happened between `since` and `restored_at` is not all known here."""

    since: datetime
    """When the backup was taken."""
    restored_at: datetime


def pause_sending(db: Session, since: datetime, restored_at: datetime) -> None:
    """Claim nothing more; a pause that was in the backup itself began earlier and goes on."""
    earlier = bookmark(db, _PAUSED) or since
    move_bookmark(db, _PAUSED, min(earlier, since))
    move_bookmark(db, _RESTORED, restored_at)


def pause_of(db: Session) -> Pause | None:
    """Return why nothing is sent, or None while sending goes on."""
    since = bookmark(db, _PAUSED)
    if since is None:
        return None
    return Pause(since, bookmark(db, _RESTORED) or since)


def resume_sending(db: Session) -> bool:
    """End the pause; False when another worker has ended it already."""
    row = db.get(Bookmark, _PAUSED, with_for_update=True, populate_existing=True)
    if row is None:
        return False
    db.delete(row)
    return True
