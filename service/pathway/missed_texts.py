"""Texts whose webhook never reached us are fetched from the provider's list (`reliability` I3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import attrgetter

import structlog
from sqlalchemy.orm import Session

from service.domain.values import Channel
from service.gateways.ports import InboundLookUp, ProviderUnavailable, ReceivedMessage
from service.pathway.replies import Incoming, receive
from service.pathway.rules import Rules
from service.store.clinics import all_clinics, clinic_written_to
from service.store.engine import Sessions
from service.store.workers import bookmark, move_bookmark

BOOKMARK = "inbound_texts"
OVERLAP = timedelta(minutes=10)
"""Looked at again each time: the list may show a text later than its time says."""
FIRST_LOOK = timedelta(days=1)
_log = structlog.get_logger()


def fetch_missed_texts(
    sessions: Sessions, provider: InboundLookUp, rules: Rules, now: datetime
) -> int:
    """Store every text in the provider's list that is not in ours; return how many there were.

    Each is a transaction of its own; the bookmark moves only after the last. When the provider
    cannot be asked, nothing moves and the next look asks for the same time again.
    """
    with sessions.begin() as db:
        since = (bookmark(db, BOOKMARK) or now - FIRST_LOOK) - OVERLAP
        if not _written_to(db):
            return 0
    try:
        found = fetch_texts_since(sessions, provider, rules, since)
    except ProviderUnavailable:
        _log.warning("missed_texts_not_fetched")
        return 0
    with sessions.begin() as db:
        move_bookmark(db, BOOKMARK, now)
    if found:
        _log.warning("missed_texts_fetched", count=found)
    return found


def fetch_texts_since(
    sessions: Sessions, provider: InboundLookUp, rules: Rules, since: datetime
) -> int:
    """Store every text received at `since` or later that is not in our list; return how many.

    The list has the newest first, and is read in the order in which patients wrote: a STOP after a
    START is the last word. Raises `ProviderUnavailable`, possibly half-way: what was listed by then
    is stored.
    """
    with sessions() as db:
        written_to = _written_to(db)
    if not written_to:
        return 0
    # A messaging service has numbers that only the provider knows: then all texts are looked at.
    known = all(number.startswith("+") for number in written_to)
    listed: list[ReceivedMessage] = []
    try:
        for text in provider.received_since(since, written_to if known else []):
            listed.append(text)  # kept when the list breaks off half-way
    finally:
        found = _store_all(sessions, listed, rules)
    return found


def _store_all(sessions: Sessions, listed: list[ReceivedMessage], rules: Rules) -> int:
    """Store texts that are listed newest first, each in a transaction of its own."""
    found = 0
    # Times are whole seconds: of two at the same time the one listed later was written before.
    oldest_first = listed[::-1]
    oldest_first.sort(key=attrgetter("received_at"))
    for text in oldest_first:
        with sessions.begin() as db:
            found += _store(db, text, rules)
    return found


def _written_to(db: Session) -> list[str]:
    """Return the numbers that patients write to."""
    numbers = {clinic.inbound_number or clinic.sender for clinic in all_clinics(db)}
    return sorted(number for number in numbers if number)


def _store(db: Session, text: ReceivedMessage, rules: Rules) -> bool:
    clinic = clinic_written_to(db, text.recipient)
    if clinic is None and text.service is not None:
        clinic = clinic_written_to(db, text.service)
    if clinic is None:
        return False
    # The list tells how many photos there are, not where they lie.
    media = ({"url": "", "type": "unknown"},) * text.num_media
    incoming = Incoming(
        channel=Channel.SMS,
        provider="twilio",
        provider_ref=text.ref,
        sender_address=text.sender,
        body=text.body,
        media=media,
        received_at=text.received_at,
    )
    return receive(db, clinic, incoming, rules) is not None
