"""What was sent to one patient, or stranger, and what came back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import MessageKind, MessageState
from service.store.messages import Message
from service.store.replies import Reply

_MOST = 200
"""The newest of each; a person reads no further back."""
_WENT_OUT = (
    MessageState.ACCEPTED,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.REFUSED,
    MessageState.UNKNOWN,
)


@dataclass(frozen=True)
class Conversation:
    """Our messages that went out or were refused, and the replies; each newest first."""

    sent: tuple[Message, ...]
    replies: tuple[Reply, ...]


def conversation_of(
    db: Session,
    *,
    patient_id: UUID | None,
    session_id: UUID | None,
    address_id: UUID | None,
    since: datetime,
) -> Conversation:
    """Return what was said since a moment: of the session and its patient, or at an address.

    The address counts only where no patient is known, as it may be another patient's as well.
    """
    return Conversation(
        sent=_sent(db, session_id, None if patient_id else address_id, since),
        replies=_replies(db, patient_id, address_id, since),
    )


def _sent(
    db: Session, session_id: UUID | None, address_id: UUID | None, since: datetime
) -> tuple[Message, ...]:
    asked = select(Message).where(Message.kind != MessageKind.NOTICE, Message.state.in_(_WENT_OUT))
    if session_id is not None:
        asked = asked.where(Message.session_id == session_id)
    elif address_id is not None:
        asked = asked.where(Message.address_id == address_id, Message.created_at >= since)
    else:
        return ()
    return tuple(db.scalars(asked.order_by(Message.created_at.desc()).limit(_MOST)))


def _replies(
    db: Session, patient_id: UUID | None, address_id: UUID | None, since: datetime
) -> tuple[Reply, ...]:
    asked = select(Reply).where(Reply.received_at >= since)
    if patient_id is not None:
        asked = asked.where(Reply.patient_id == patient_id)
    elif address_id is not None:
        asked = asked.where(Reply.address_id == address_id, Reply.patient_id.is_(None))
    else:
        return ()
    return tuple(db.scalars(asked.order_by(Reply.received_at.desc()).limit(_MOST)))
