"""What is kept for some time only: found and taken out in small pieces, so that nobody waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from service.domain.values import FlagState
from service.store.accounts import StaffLink
from service.store.base import spelled
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from service.store.replies import Reply
from service.store.sign_ins import SignIn, Throttle
from service.store.workers import Worker

AT_ONCE = 200
"""Rows in one transaction."""


def forget_strangers_words(db: Session, before: datetime) -> int:
    """Blank what came from nobody known before a moment, unless a person must still act on it."""
    waits = exists().where(Flag.reply_id == Reply.id, Flag.state != spelled(FlagState.CLOSED))
    old = (
        select(Reply.id)
        .where(
            Reply.received_at < before,
            Reply.patient_id.is_(None),
            or_(Reply.body.is_not(None), Reply.media.is_not(None), Reply.findings.is_not(None)),
            ~waits,
        )
        .limit(AT_ONCE)
    )
    blank = update(Reply).where(Reply.id.in_(old)).values(body=None, media=None, findings=None)
    return _done(db, blank)


def forget_strangers_numbers(db: Session, before: datetime) -> int:
    """Blank numbers and mailboxes that belong to nobody and were not heard of since a moment.

    The row keeps its keyed hash and its opt-out, as after an erasure.
    """
    old = (
        select(Address.id)
        .where(
            Address.value.is_not(None),
            Address.created_at < before,
            ~exists().where(_is_patients()),
            ~exists().where(Reply.address_id == Address.id, Reply.received_at >= before),
            ~exists().where(Reply.address_id == Address.id, Reply.body.is_not(None)),
            ~exists().where(Message.address_id == Address.id, Message.created_at >= before),
        )
        .limit(AT_ONCE)
    )
    return _done(db, update(Address).where(Address.id.in_(old)).values(value=None))


def delete_ended_sign_ins(db: Session, before: datetime) -> int:
    """Delete sign-ins that nobody has used since, links that ran out, and counts of guesses."""
    sign_ins = select(SignIn.id).where(SignIn.seen_at < before).limit(AT_ONCE)
    links = select(StaffLink.id).where(StaffLink.expires_at < before).limit(AT_ONCE)
    guesses = select(Throttle.key).where(Throttle.last_at < before).limit(AT_ONCE)
    return (
        _done(db, delete(SignIn).where(SignIn.id.in_(sign_ins)))
        + _done(db, delete(StaffLink).where(StaffLink.id.in_(links)))
        + _done(db, delete(Throttle).where(Throttle.key.in_(guesses)))
    )


def delete_dead_workers(db: Session, before: datetime) -> int:
    """Delete the rows of workers that have not beaten since."""
    dead = select(Worker.id).where(Worker.beat_at < before).limit(AT_ONCE)
    return _done(db, delete(Worker).where(Worker.id.in_(dead)))


def _is_patients() -> ColumnElement[bool]:
    return or_(Patient.phone_address_id == Address.id, Patient.email_address_id == Address.id)


def _done(db: Session, statement: Any) -> int:
    result = db.execute(statement.execution_options(synchronize_session=False))
    return result.rowcount if isinstance(result, CursorResult) else 0
