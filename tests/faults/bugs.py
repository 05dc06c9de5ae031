"""Bugs that are planted to see that the checker catches them (`reliability` 3.3).

Each is a mistake that somebody could make in the service, put into this process alone for as long
as its context lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import aiohttp
from fastapi import Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service import app
from service.domain import planning
from service.domain.outcomes import Refused
from service.domain.receipts import standing_of
from service.domain.triage import Answer, Reading
from service.domain.values import Level, MessageState
from service.gateways import twilio_sms
from service.pathway import answers, enrolment, lateness, optouts, receipts, settling
from service.pathway.dispatch import Dispatcher
from service.pathway.rounds import take_round
from service.pathway.verdicts import Attempt
from service.store import claims
from service.store.messages import MESSAGES
from service.store.patients import Address
from service.web import errors

Bug = Callable[[], AbstractContextManager[Any]]
_UTC = ZoneInfo("UTC")


@contextmanager
def claim_after_post() -> Iterator[None]:
    """The row is claimed when the answer is there; until then it stands as planned."""
    write = Dispatcher._write

    def take(self: Dispatcher, free: int) -> Any:
        with self._sessions() as db:
            found = take_round(db, free, self._now(), self._pace, self._compose, 0)
            db.rollback()
        return found

    def write_claims(self: Dispatcher, attempts: list[Attempt]) -> None:
        with self._sessions.begin() as db:
            for attempt in attempts:
                db.connection().execute(
                    update(MESSAGES)
                    .where(MESSAGES.c.id == attempt.claim.id)
                    .values(
                        state=MessageState.CLAIMED,
                        claim_token=attempt.claim.claim_token,
                        claimed_at=attempt.at,
                        lease_until=attempt.at + timedelta(seconds=60),
                        attempts=MESSAGES.c.attempts + 1,
                    )
                )
        write(self, attempts)

    with patch.object(Dispatcher, "_take", take), patch.object(Dispatcher, "_write", write_claims):
        yield


def lease_back_to_due() -> AbstractContextManager[Any]:
    """A claim that nobody answers for is simply planned again."""

    def expire(db: Session, now: datetime, _grace: timedelta) -> int:
        again = (
            update(MESSAGES)
            .where(MESSAGES.c.state == MessageState.CLAIMED, MESSAGES.c.lease_until < now)
            .values(state=MessageState.PLANNED, reason="once more")
        )
        return db.connection().execute(again).rowcount

    return patch.object(settling, "expire_leases", expire)


def naive_local_time() -> AbstractContextManager[Any]:
    """Everybody's hours are those of the server."""
    return patch.object(planning, "zone_named", lambda _: _UTC)


def window_at_planning_only() -> AbstractContextManager[Any]:
    """When a message goes out, nobody looks at the clock again."""
    as_it_should_be = enrolment._row

    def row(*given: Any) -> dict[str, object]:
        made = as_it_should_be(*given)
        return made | {"send_before": given[-1] + timedelta(days=30)}

    return patch.object(enrolment, "_row", row)


def opt_out_by_exact_match() -> AbstractContextManager[Any]:
    """Only the five letters stop anything."""
    read = app.read_reply

    def exactly(text: str, around: Any) -> Reading:
        reading = read(text, around)
        if not reading.opt_out or text in ("STOP", "stop"):
            return reading
        return replace(reading, opt_out=False, keyword=None, answer=Answer.OK)

    return patch.object(app, "read_reply", exactly)


def stop_hides_the_rest() -> AbstractContextManager[Any]:
    """Who asks for no more texts is not read any further."""
    read = app.read_reply

    def only_the_stop(text: str, around: Any) -> Reading:
        reading = read(text, around)
        if not reading.opt_out:
            return reading
        return replace(reading, level=Level.OK, categories=(), findings=(), answer=Answer.STOP)

    return patch.object(app, "read_reply", only_the_stop)


def opt_out_leaves_the_plan() -> AbstractContextManager[Any]:
    """The address is marked, and what was planned stays planned."""
    return patch.object(optouts, "_planned_for", lambda *_: [])


@contextmanager
def opt_out_at_planning_only() -> Iterator[None]:
    """What was planned before the opt-out still goes out."""
    from service.pathway import dispatch

    def take(db: Session, *given: Any) -> Any:
        stopped = db.scalars(select(Address).where(Address.opted_out_at.is_not(None))).all()
        since = {address.id: address.opted_out_at for address in stopped}
        for address in stopped:
            address.opted_out_at = None
        db.flush()
        found = take_round(db, *given)
        for address in stopped:
            address.opted_out_at = since[address.id]
        return found

    with patch.object(dispatch, "take_round", take), opt_out_leaves_the_plan():
        yield


def opt_out_unrecorded() -> AbstractContextManager[Any]:
    """Nothing about it is written into the audit."""
    return patch.object(optouts.audit, "record", lambda *_, **__: None)


def no_timeout() -> AbstractContextManager[Any]:
    """The provider is waited for, for as long as it takes."""
    for_ever = aiohttp.ClientTimeout(total=None)
    return patch.object(twilio_sms, "_patience", lambda *_: for_ever)


def server_error_is_a_no() -> AbstractContextManager[Any]:
    """A 500 counts as a refusal, and is tried again."""
    means = twilio_sms.outcome_of

    def outcome(status: int, *given: Any) -> Any:
        if status >= 500:
            return Refused(None, f"an answer {status}", retry_after=1.0)
        return means(status, *given)

    return patch.object(twilio_sms, "outcome_of", outcome)


def no_validity() -> AbstractContextManager[Any]:
    """The provider may hold a text for ten hours."""
    form = twilio_sms.form_of
    return patch.object(
        twilio_sms, "form_of", lambda outgoing: form(replace(outgoing, valid_for=None))
    )


def another_clinics_number() -> AbstractContextManager[Any]:
    """All clinics' texts leave from one number."""
    clinic_of = claims.clinic_to_send_for

    def clinic(*given: Any) -> Any:
        found = clinic_of(*given)
        return found and replace(found, sender="+13035550000")

    return patch.object(claims, "clinic_to_send_for", clinic)


def silent_drop() -> AbstractContextManager[Any]:
    """A check-in that comes too late is skipped, and nobody hears of it."""
    return patch.object(lateness, "ask_to_phone", lambda *_, **__: None)


def answers_for_ever() -> AbstractContextManager[Any]:
    """An answer is sent however late it is."""
    return patch.object(answers, "_USEFUL_FOR", timedelta(days=1))


def last_callback_wins() -> AbstractContextManager[Any]:
    """Whatever the provider said last is believed, in whatever order it came."""
    return patch.object(receipts, "climbs", lambda _, incoming: standing_of(incoming))


@contextmanager
def acknowledged_before_commit() -> Iterator[None]:
    """The provider is answered first (`victims` puts this before the routes)."""
    yield


def outage_acknowledged() -> AbstractContextManager[Any]:
    """When the database is away, the provider is answered as if all were well."""
    return patch.object(errors, "_database_away", lambda *_: Response(status_code=200))


BUGS: dict[str, Bug] = {
    "claim after post": claim_after_post,
    "lease back to due": lease_back_to_due,
    "naive local time": naive_local_time,
    "window at planning only": window_at_planning_only,
    "opt-out by exact match": opt_out_by_exact_match,
    "stop hides the rest": stop_hides_the_rest,
    "opt-out leaves the plan": opt_out_leaves_the_plan,
    "opt-out at planning only": opt_out_at_planning_only,
    "opt-out unrecorded": opt_out_unrecorded,
    "no timeout": no_timeout,
    "server error is a no": server_error_is_a_no,
    "no validity": no_validity,
    "another clinic's number": another_clinics_number,
    "silent drop": silent_drop,
    "answers for ever": answers_for_ever,
    "last callback wins": last_callback_wins,
    "ack before commit": acknowledged_before_commit,
    "outage acknowledged": outage_acknowledged,
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Plant one bug, or none."""
    with ExitStack() as stack:
        if name:
            stack.enter_context(BUGS[name]())
        yield
