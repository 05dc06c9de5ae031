"""What the call list asks of the database: a few questions, however many flags there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from service.domain.values import FlagState, Level
from service.store.base import spelled
from service.store.flags import Flag
from service.store.patients import Address, Patient
from service.store.replies import Reply
from service.store.sessions import TreatmentSession

_MOST_REPLIES = 300
"""Read for one page; who writes more than that is phoned all the same."""


class Which(StrEnum):
    """The lists of what waits for a call."""

    EVERY = "every"
    EMERGENCY = "emergency"
    URGENT = "urgent"
    ROUTINE = "routine"
    MINE = "mine"
    UNKNOWN_SENDERS = "unknown-senders"
    SHARED_PHONES = "shared-phones"
    UNDELIVERED = "undelivered"
    SILENT = "silent"


_LEVELS = {
    Which.EMERGENCY: Level.EMERGENCY,
    Which.URGENT: Level.URGENT,
    Which.ROUTINE: Level.ROUTINE,
}

_TO_CALL_AT = func.coalesce(Flag.next_try_at, Flag.due_at)
_IN_ORDER = (
    case({level.value: level.rank for level in Level}, value=Flag.level),
    _TO_CALL_AT,
    Flag.id,
)


@dataclass(frozen=True)
class CallRow:
    """A flag that waits, and the rows that say whom it is about."""

    flag: Flag
    patient: Patient | None
    session: TreatmentSession | None
    reply: Reply | None
    """What raised it, when a reply did."""
    address: Address | None
    """Where the patient, or the stranger, is phoned; a mailbox when there is no number."""


def rows_of_page(
    db: Session, clinic_id: UUID, which: Which, me: str, *, start: int, limit: int
) -> list[CallRow]:
    """Return a stretch of a list: most urgent first, then by when the next call is due."""
    asked = _rows().where(*_waiting(clinic_id), _belongs(which, me))
    found = db.execute(asked.order_by(*_IN_ORDER).offset(start).limit(limit))
    return [CallRow(*row) for row in found]


def row_of_flag(db: Session, clinic_id: UUID, flag_id: UUID) -> CallRow | None:
    """Return one flag of the clinic, closed or not; another clinic's is None."""
    asked = _rows().where(Flag.id == flag_id, Flag.clinic_id == clinic_id)
    found = db.execute(asked).one_or_none()
    return CallRow(*found) if found else None


def counts(db: Session, clinic_id: UUID, me: str) -> dict[Which, int]:
    """Return how many flags wait in each list."""
    each = [func.count().filter(_belongs(which, me)).label(which.name) for which in Which]
    found = db.execute(select(*each).select_from(Flag).where(*_waiting(clinic_id))).one()
    return dict(zip(Which, found, strict=True))


def replies_since(db: Session, patient_ids: Iterable[UUID], since: datetime) -> list[Reply]:
    """Return what these patients wrote since a moment, newest first."""
    wanted = list(patient_ids)
    if not wanted:
        return []
    return list(
        db.scalars(
            select(Reply)
            .where(Reply.patient_id.in_(wanted), Reply.received_at >= since)
            .order_by(Reply.received_at.desc(), Reply.id.desc())
            .limit(_MOST_REPLIES)
        )
    )


def patients_by_address(db: Session, address_ids: Iterable[UUID]) -> dict[UUID, list[Patient]]:
    """Return who is written to at each of these addresses, oldest record first."""
    wanted = list(address_ids)
    found: dict[UUID, list[Patient]] = {address_id: [] for address_id in wanted}
    if not wanted:
        return found
    asked = select(Patient).where(
        or_(Patient.phone_address_id.in_(wanted), Patient.email_address_id.in_(wanted)),
        Patient.erased_at.is_(None),
    )
    for patient in db.scalars(asked.order_by(Patient.created_at, Patient.id)):
        for address_id in {patient.phone_address_id, patient.email_address_id}:
            if address_id in found:
                found[address_id].append(patient)
    return found


def news_of(db: Session, clinic_id: UUID) -> tuple[Any, ...]:
    """Return what changes whenever anything on the clinic's list does; nothing of a patient."""
    newest = (Flag.raised_at, Flag.owned_at, Flag.alarm_at, Flag.next_try_at)
    asked = select(func.count(), func.sum(Flag.tries), *(func.max(column) for column in newest))
    urgent = func.sum(case({level.value: level.rank for level in Level}, value=Flag.level))
    return tuple(db.execute(asked.add_columns(urgent).where(*_waiting(clinic_id))).one())


def _rows() -> Select[Any, Any, Any, Any, Any]:
    number = func.coalesce(
        Patient.phone_address_id, Reply.address_id, Patient.email_address_id, type_=Flag.id.type
    )
    return (
        select(Flag, Patient, TreatmentSession, Reply, Address)
        .outerjoin(Patient, Patient.id == Flag.patient_id)
        .outerjoin(TreatmentSession, TreatmentSession.id == Flag.session_id)
        .outerjoin(Reply, Reply.id == Flag.reply_id)
        .outerjoin(Address, Address.id == number)
    )


def _waiting(clinic_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (Flag.clinic_id == clinic_id, Flag.state != spelled(FlagState.CLOSED))


def _belongs(which: Which, me: str) -> ColumnElement[bool]:
    """Return the condition under which a flag is in a list."""
    match which:
        case Which.EVERY:
            return Flag.id.is_not(None)
        case Which.MINE:
            return Flag.owner == me
        case Which.UNKNOWN_SENDERS:
            return _of_nobody("unknown_sender")
        case Which.SHARED_PHONES:
            return _of_nobody("shared_phone")
        case Which.UNDELIVERED:
            return _cannot_be_written_to()
        case Which.SILENT:
            return Flag.kind == "no_answer"
        case _:
            return Flag.level == _LEVELS[which]


def _cannot_be_written_to() -> ColumnElement[bool]:
    """What did not arrive, and phone tasks for numbers that take no texts."""
    # Aliases, because the page asks for the patient and the address itself as well.
    whose, number = aliased(Patient), aliased(Address)
    dead = exists().where(
        whose.id == Flag.patient_id,
        number.id == whose.phone_address_id,
        or_(number.landline_at.is_not(None), number.failing_since.is_not(None)),
    )
    return Flag.kind.in_(("undelivered", "unconfirmed")) | ((Flag.kind == "task") & dead)


def _of_nobody(category: str) -> ColumnElement[bool]:
    named = cast(Flag.categories, String).contains(f'"{category}"', autoescape=True)
    return Flag.patient_id.is_(None) & named
