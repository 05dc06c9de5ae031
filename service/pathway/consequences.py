"""What a failed message means beyond its own row: for its address, its clinic and its people."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from service.domain.outcomes import Effect
from service.domain.values import MessageKind
from service.pathway.notices import tell_sending_stopped
from service.pathway.optouts import lock_address, opt_out
from service.pathway.other_ways import email_instead, reroute
from service.pathway.phone_tasks import ask_to_phone
from service.pathway.staff_tasks import CANNOT_RECEIVE, owe_calls
from service.store import audit
from service.store.clinics import Clinic
from service.store.messages import Message

_log = structlog.get_logger()

UNDELIVERED = "undelivered"
"""The kind of the flag that asks a person to phone instead."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The message that failed, and why in plain words."""

    id: UUID
    clinic_id: UUID
    address_id: UUID
    patient_id: UUID | None
    session_id: UUID | None
    key: str
    reason: str


def carry_out(db: Session, failed: Failed, effects: Set[Effect], now: datetime) -> None:
    """Do all that a failure asks for, in the transaction that records the failure."""
    address = lock_address(db, failed.address_id)
    if Effect.RECORD_OPT_OUT in effects and opt_out(db, address, "provider", now):
        _note(db, failed, "opted_out_at_provider", now)
    if Effect.MARK_LANDLINE in effects and address.landline_at is None:
        address.landline_at = now
        _note(db, failed, "landline_found", now)
        # All that is planned for it is decided now: nothing waits for a number that is dead.
        unheard = reroute(db, address, now)
        owe_calls(db, unheard, CANNOT_RECEIVE, now)
        for message in unheard:
            if message.kind is MessageKind.SAFETY:
                _ask_for_a_call(db, _not_sent(message), max(now, message.send_at), now)
    if Effect.MARK_FAILING in effects and address.failing_since is None:
        address.failing_since, address.failing_because = now, failed.reason
    if Effect.STOP_SENDER in effects:
        _stop_sender(db, failed, now)
    if Effect.ALARM in effects:
        _log.error("provider_trouble", message=str(failed.id), reason=failed.reason)
    if Effect.EMAIL_INSTEAD in effects:
        email_instead(db, db.get_one(Message, failed.id), now)
    if Effect.STAFF_TASK in effects and not _is_owed_after(effects, failed):
        _ask_for_a_call(db, failed, now, now)


def _is_owed_after(effects: Set[Effect], failed: Failed) -> bool:
    """An opt-out has made a phone task of every unanswered check-in, this one too."""
    checks_in = failed.session_id is not None and failed.key.startswith("checkin_")
    return Effect.RECORD_OPT_OUT in effects and checks_in


def _not_sent(message: Message) -> Failed:
    return Failed(
        id=message.id,
        clinic_id=message.clinic_id,
        address_id=message.address_id,
        patient_id=message.patient_id,
        session_id=message.session_id,
        key=message.key,
        reason=message.reason or "",
    )


def _stop_sender(db: Session, failed: Failed, now: datetime) -> None:
    clinic = db.get_one(Clinic, failed.clinic_id, with_for_update=True)
    if clinic.sending_stopped_at is None:
        clinic.sending_stopped_at, clinic.sending_stopped_because = now, failed.reason
        _note(db, failed, "sending_stopped", now)
        tell_sending_stopped(db, clinic, now)


def _ask_for_a_call(db: Session, failed: Failed, from_then: datetime, now: datetime) -> None:
    """Ask a person to phone, counting from when the message was to go out."""
    ask_to_phone(
        db,
        failed,
        kind=UNDELIVERED,
        category=failed.key,
        reason=f"A message did not arrive: {failed.reason}",
        now=now,
        due_from=from_then,
        tell_at=from_then,
    )


def _note(db: Session, failed: Failed, action: str, now: datetime) -> None:
    audit.record(
        db,
        clinic_id=failed.clinic_id,
        at=now,
        actor="provider",
        action=action,
        subject=f"message:{failed.id}",
        reason=failed.reason,
    )
