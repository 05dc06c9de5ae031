"""Erasure: what could tell who a patient was is gone; the opt-out and the skeleton stay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.values import Channel, FlagState, MessageState
from service.pathway.stopping import end_all_sending, patient_to_change
from service.store import audit
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from service.store.records import Record, record_of, subject_of
from service.store.replies import Reply

ERASED = "The patient's record was erased."
NOBODY_TO_CALL = "The patient's record was erased: nobody can be called from here. Please close."

_MAY_STILL_REPORT = (MessageState.ACCEPTED, MessageState.UNKNOWN)
_HASH_BYTES = 32


class FlagsStillOpen(Exception):
    """Somebody must still call this patient; `flags` are those that wait."""

    def __init__(self, flags: Sequence[Flag]) -> None:
        super().__init__("flags of this patient are open")
        self.flags = tuple(flags)


@dataclass(frozen=True)
class Erased:
    """An erased patient: how many messages were still planned, and which flags are still open."""

    patient: Patient
    cancelled: int
    open_flags: tuple[Flag, ...]


def erase(
    db: Session, clinic_id: UUID, patient_id: UUID, *, force: bool, by: str, now: datetime
) -> Erased:
    """Erase a patient; doing it again changes nothing (docs/decisions/erasure.md).

    An open flag stops it, because its call could not be made any more. With `force` the flags stay
    open for a person to close, and whoever forces it has them. Raises `PatientNotFound` and
    `FlagsStillOpen`. Afterwards the caller empties the database's log.
    """
    patient = patient_to_change(db, clinic_id, patient_id)
    if patient.erased_at is not None:
        return Erased(patient, 0, ())
    record = record_of(db, patient)
    still_open = _still_open(db, record)
    if still_open and not force:
        raise FlagsStillOpen(still_open)
    for flag in still_open:
        _hand_over(flag, by, now)
    cancelled = end_all_sending(db, patient, ERASED)
    _forget_words(record)
    _forget_addresses(db, record, now)
    _forget_person(patient, now)
    audit.record(
        db,
        clinic_id=clinic_id,
        at=now,
        actor=by,
        action="patient_erased",
        subject=subject_of(patient),
        messages=cancelled,
        open_flags=len(still_open),
    )
    db.flush()
    return Erased(patient, cancelled, still_open)


def _still_open(db: Session, record: Record) -> tuple[Flag, ...]:
    for flag in record.flags:
        db.refresh(flag, with_for_update=True)
    return tuple(flag for flag in record.flags if flag.state is not FlagState.CLOSED)


def _hand_over(flag: Flag, by: str, now: datetime) -> None:
    """No flag closes by itself (`reliability` I8): it waits for a person, and tells nobody else."""
    flag.reason, flag.escalate_at, flag.next_try_at = NOBODY_TO_CALL, None, None
    if flag.state is FlagState.OPEN:
        flag.state, flag.owner, flag.owned_at = FlagState.OWNED, by, now


def _forget_words(record: Record) -> None:
    """Blank what anybody wrote, and the names other systems know the visits by."""
    for session in record.sessions:
        session.move_plan = session.external_id = None
        session.state_reason = session.state_reason and ERASED
    for message in record.messages:
        message.slots = None
        if message.state is MessageState.CANCELLED:
            # A reason that staff typed may say more than that it was cancelled.
            message.reason = ERASED
    for reply in record.replies:
        reply.body = reply.media = reply.findings = None
        # What it was asked back is owed to nobody any more.
        reply.act_at = None
    for call in record.calls:
        call.note = None


def _forget_addresses(db: Session, record: Record, now: datetime) -> None:
    """Blank numbers and mailboxes nobody else has, and tie the history to none of them.

    The row keeps its keyed hash and its opt-out, which also a late STOP or refusal finds. What is
    on its way stays with it until then.
    """
    for address in record.own_addresses:
        address.value = None
    nowhere: dict[Channel, Address] = {}
    settled = [one for one in record.messages if one.state not in _MAY_STILL_REPORT]
    history: list[Message | Reply] = [*settled, *record.replies]
    for row in history:
        if row.channel not in nowhere:
            nowhere[row.channel] = _no_address(db, record.patient, row.channel, now)
        row.address_id = nowhere[row.channel].id


def _no_address(db: Session, patient: Patient, channel: Channel, now: datetime) -> Address:
    """A row that no number leads to, for what once went to one."""
    address = Address(
        clinic_id=patient.clinic_id,
        channel=channel,
        lookup_hash=os.urandom(_HASH_BYTES),
        created_at=now,
    )
    db.add(address)
    db.flush()
    return address


def _forget_person(patient: Patient, now: datetime) -> None:
    patient.first_name = patient.health_flags = patient.time_zone = None
    patient.phone_address_id = patient.email_address_id = None
    patient.erased_at = now
