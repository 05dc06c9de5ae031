"""What follows when an address wants no more messages, wants them again, or may want neither."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.domain.values import OPT_OUT_CONFIRMATIONS, MessageKind, MessageState
from service.pathway.staff_tasks import OPTED_OUT, owe_calls
from service.store import audit
from service.store.messages import Message, end_all
from service.store.patients import Address

NO_MORE = "opted out"
"""The reason of a message that was cancelled because its address wants no more."""

_ADDRESS_NOW = (
    select(Address)
    .where(Address.id == bindparam("address"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


def lock_address(db: Session, address_id: UUID) -> Address:
    """Return the address as it is now, locked: claim and opt-out wait for one another here (O2)."""
    return db.scalars(_ADDRESS_NOW, {"address": address_id}).one()


def opt_out(db: Session, address: Address, by: str, now: datetime) -> bool:
    """Stop everything planned for a locked address; False when it was stopped before.

    Check-ins that are not answered become phone tasks (`clinical-protocol` D). `by` is `text`,
    `link`, `provider` or `staff`. The opt-out, what it cancels and the audit entry are one
    transaction (`reliability` O2).
    """
    if address.opted_out_at is not None:
        return False
    address.opted_out_at, address.opted_out_by = now, by
    planned = _planned_for(db, address)
    unanswered = _unanswered_checkins(db, address, now)
    cancelled = end_all(planned, MessageState.CANCELLED, NO_MORE)
    db.flush()
    owe_calls(db, [*planned, *unanswered], OPTED_OUT, now)
    audit.record(
        db,
        clinic_id=address.clinic_id,
        at=now,
        actor=by,
        action="opted_out",
        subject=f"address:{address.id}",
        cancelled=cancelled,
    )
    return True


def ends_with_opt_out(db: Session, message: Message, now: datetime) -> bool:
    """Is a message that would be planned again one that its address no longer wants (O2)?

    The opt-out cancelled what was planned, not what was on its way. Locks the address: to be asked
    before the message itself is locked. A check-in that ends so is owed as a call.
    """
    if message.kind is MessageKind.NOTICE or message.key in OPT_OUT_CONFIRMATIONS:
        return False
    if lock_address(db, message.address_id).opted_out_at is None:
        return False
    owe_calls(db, [message], OPTED_OUT, now)
    return True


def reopen(db: Session, address: Address, by: str, now: datetime) -> None:
    """Let a locked address have messages again: only after an explicit START or consent (O7)."""
    if address.opted_out_at is None and address.paused_because is None:
        return
    address.opted_out_at = address.opted_out_by = address.paused_because = None
    _audit(db, address, by, "opted_in", now)


def pause(db: Session, address: Address, reason: str, now: datetime) -> None:
    """Hold automated messages to a locked address until a person has looked (O4)."""
    if address.paused_because is not None:
        return
    address.paused_because = reason
    _audit(db, address, "triage", "paused", now)


def _planned_for(db: Session, address: Address) -> list[Message]:
    return list(
        db.scalars(
            select(Message)
            .where(
                Message.address_id == address.id,
                Message.state == MessageState.PLANNED,
                Message.kind != MessageKind.NOTICE,
            )
            .order_by(Message.id)
            .with_for_update()
        )
    )


def _unanswered_checkins(db: Session, address: Address, now: datetime) -> list[Message]:
    """The check-ins that went out here and may still be answered."""
    return list(
        db.scalars(
            select(Message).where(
                Message.address_id == address.id,
                Message.kind == MessageKind.CHECKIN,
                Message.answered_at.is_(None),
                Message.useful_until > now,
                Message.state.in_(
                    (MessageState.CLAIMED, MessageState.ACCEPTED, MessageState.DELIVERED)
                ),
            )
        )
    )


def _audit(db: Session, address: Address, actor: str, action: str, now: datetime) -> None:
    audit.record(
        db,
        clinic_id=address.clinic_id,
        at=now,
        actor=actor,
        action=action,
        subject=f"address:{address.id}",
    )
