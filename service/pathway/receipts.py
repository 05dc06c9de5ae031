"""Receipts: the provider says that a message arrived or did not, in any order, more than once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.outcomes import Sending, Undelivered, next_step
from service.domain.receipts import climbs
from service.domain.values import MessageState
from service.pathway.consequences import Failed, carry_out
from service.pathway.other_ways import other_way
from service.store.messages import Message

_MAY_REPORT = frozenset(
    {
        MessageState.CLAIMED,
        MessageState.UNKNOWN,
        MessageState.ACCEPTED,
        MessageState.UNDELIVERED,
        MessageState.DELIVERED,
    }
)
"""States in which a message may be at the provider; a report on any other is only noted."""


def record_receipt(
    db: Session,
    message_id: UUID,
    provider_ref: str,
    status: str,
    error_code: int | None,
    now: datetime,
) -> bool:
    """Write what the provider reports of a message; return whether it was news.

    A report also proves that a send which ended unknown was taken (`reliability` 2.2, step 4a), and
    one can come before the answer to the send itself. Any order ends in the same row (S7).
    """
    message = db.get(Message, message_id, with_for_update=True)
    if message is None or message.state not in _MAY_REPORT:
        return False
    if message.provider_ref not in (None, provider_ref):
        return False
    standing = climbs(message.provider_status, status)
    if standing is None:
        return False
    message.provider_ref, message.provider_status = provider_ref, standing.status
    message.state, message.reason = standing.state, standing.reason
    message.sent_at = message.sent_at or message.claimed_at or now
    message.claim_token = message.lease_until = message.ask_at = None
    match standing.state:
        case MessageState.DELIVERED:
            message.delivered_at = now
        case MessageState.UNDELIVERED:
            message.error_code = error_code
            _follow_up(db, message, standing.status, error_code, now)
        case _:
            pass
    return True


def _follow_up(
    db: Session, message: Message, status: str, error_code: int | None, now: datetime
) -> None:
    """Do what a message that did not arrive asks for."""
    # Nothing that the provider once took is sent again by itself, as if it were no longer useful:
    # a late report on the first copy could not be told from one on the second. A person is told.
    way = other_way(db, message, now)
    sending = Sending(
        kind=message.kind,
        channel=message.channel,
        attempts=message.attempts,
        useful_until=now,
        can_email=way.can_email,
        covered=way.covered,
    )
    step = next_step(Undelivered(error_code, status), sending, now=now, jitter=0)
    message.reason = step.reason
    failed = Failed(
        id=message.id,
        clinic_id=message.clinic_id,
        address_id=message.address_id,
        patient_id=message.patient_id,
        session_id=message.session_id,
        key=message.key,
        reason=step.reason,
    )
    carry_out(db, failed, step.effects, now)
