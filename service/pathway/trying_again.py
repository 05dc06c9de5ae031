"""A message that was not sent is to be planned again: what happened meanwhile may forbid it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.protocol import load_protocol
from service.domain.values import MessageKind, SessionState
from service.pathway.answered import ANSWERED
from service.pathway.optouts import NO_MORE, ends_with_opt_out, lock_address
from service.store.messages import Message
from service.store.sessions import locked_session

_ON_NO_SCHEDULE = (MessageKind.REPLY, MessageKind.NOTICE)


def why_not_again(db: Session, message: Message, now: datetime) -> str | None:
    """Return why a message is not planned again, in words a clinic can read; None: it may be.

    While it was on its way its address may have opted out, its session may have ended or its
    question may have been answered. Each of them cancelled what was planned, and this was not.
    Locks the address and the session: to be asked before the message itself is locked.
    """
    lock_address(db, message.address_id)
    if message.kind not in _ON_NO_SCHEDULE and message.session_id is not None:
        session = locked_session(db, message.session_id)
        if session.state is not SessionState.ACTIVE:
            return session.state_reason or session.state.value
        if was_answered(db, message):
            return ANSWERED
    return NO_MORE if ends_with_opt_out(db, message, now) else None


def was_answered(db: Session, message: Message) -> bool:
    """Has an answer made this message needless, on whatever channel it came?"""
    step = load_protocol(message.protocol_version).step(message.key)
    answered = select(Message.id).where(
        Message.session_id == message.session_id,
        Message.key.in_({message.key, *step.cancelled_by}),
        Message.answered_at.is_not(None),
    )
    return db.scalar(answered.limit(1)) is not None
