"""Patients, what they consented to, and the addresses they are written to at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from service.domain.values import Channel, Consents, HealthFlag, Language, PatientFacts
from service.store.base import Base, HasId, enum_column
from service.store.secrets import Sealed, SealedJSON, vault_of


class Address(HasId, Base):
    """A phone number or mailbox a clinic may write to: the row that claim and opt-out both lock.

    An opt-out belongs to (clinic, number): it outlives the patient's record and any change of
    hands, and one clinic's does not silence another (`reliability.md` O1, O2, O9).
    """

    __tablename__ = "address"
    __table_args__ = (UniqueConstraint("clinic_id", "channel", "lookup_hash"),)

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    lookup_hash: Mapped[bytes]
    """Keyed hash of the E.164 number or of the lower-case mailbox."""
    value: Mapped[str | None] = mapped_column(Sealed("address.value"))
    """E.164 number or mailbox; None after erasure, when only the opt-out is kept."""
    opted_out_at: Mapped[datetime | None]
    opted_out_by: Mapped[str | None]
    """`text`, `link`, `provider` or `staff`."""
    paused_because: Mapped[str | None]
    """Set when a person must look before more is sent (a doubtful opt-out, a wrong number)."""
    landline_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failing_because: Mapped[str | None]
    created_at: Mapped[datetime]

    def may_receive(self) -> bool:
        """Nothing known forbids sending here now."""
        return (
            self.opted_out_at is None
            and self.paused_because is None
            and self.landline_at is None
            and self.value is not None
        )


class Patient(HasId, Base):
    """Someone a clinic treats, or the guardian's child."""

    __tablename__ = "patient"
    __table_args__ = (
        Index(None, "phone_address_id"),
        Index(None, "email_address_id"),
        Index(None, "clinic_id", "created_at"),
    )

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    first_name: Mapped[str | None] = mapped_column(Sealed("patient.first_name"))
    """None only after erasure."""
    language: Mapped[Language] = mapped_column(enum_column(Language))
    time_zone: Mapped[str | None]
    """None: the clinic's."""
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    """The preferred channel."""
    phone_address_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("address.id"))
    email_address_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("address.id"))
    health_flags: Mapped[Any | None] = mapped_column(SealedJSON("patient.health_flags"))
    """A list of `HealthFlag` values, or None for none."""
    guardian: Mapped[bool] = mapped_column(default=False)
    welcomed_at: Mapped[datetime | None]
    """When the welcome was planned; it goes out once per person."""
    stopped_at: Mapped[datetime | None]
    """Staff marked the record (deceased, admitted): nothing is sent any more."""
    erased_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    def in_care(self) -> bool:
        """May anything be planned for this patient, or anybody be asked to phone them?"""
        return self.stopped_at is None and self.erased_at is None


class Consent(HasId, Base):
    """One answer to "may we?": append-only, the newest per channel holds (`reliability.md` O8)."""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "patient_id", "recorded_at"),)

    clinic_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("clinic.id"))
    patient_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("patient.id"))
    sms: Mapped[bool]
    email: Mapped[bool]
    details: Mapped[bool]
    """Treatment details may appear in texts."""
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    wording_version: Mapped[int]


def patient_of(db: Session, clinic_id: UUID, patient_id: UUID) -> Patient | None:
    """Return the clinic's patient; another clinic's is None, like one that does not exist."""
    return db.scalar(
        select(Patient).where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
    )


def locked_patient(db: Session, clinic_id: UUID, patient_id: UUID) -> Patient | None:
    """Return the clinic's patient as it is now, locked; another clinic's is None."""
    return db.scalar(
        select(Patient)
        .where(Patient.id == patient_id, Patient.clinic_id == clinic_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


_NEWEST_CONSENT = (
    select(Consent)
    .where(Consent.patient_id == bindparam("patient"))
    .order_by(Consent.recorded_at.desc(), Consent.id.desc())
    .limit(1)
)


def consent_of(db: Session, patient_id: UUID) -> Consent | None:
    """Return what the patient last agreed to, or None when nothing was ever recorded."""
    return db.scalar(_NEWEST_CONSENT, {"patient": patient_id})


_ADDRESS = (
    select(Address)
    .where(
        Address.clinic_id == bindparam("clinic"),
        Address.channel == bindparam("channel"),
        Address.lookup_hash == bindparam("hash"),
    )
    .limit(1)
)
_LOCKED_ADDRESS = _ADDRESS.with_for_update(key_share=True).execution_options(populate_existing=True)


def address_of(
    db: Session, clinic_id: UUID, channel: Channel, value: str, *, lock: bool = False
) -> Address | None:
    """Return the clinic's row for a number (E.164) or a mailbox, or None.

    With `lock` it is as it is now, and an opt-out or an erasure waits for the caller's commit.
    """
    hashes = vault_of(db.get_bind().dialect).lookup_hashes(_normal(channel, value))
    asked = _LOCKED_ADDRESS if lock else _ADDRESS
    given = {"clinic": clinic_id, "channel": channel}
    found = [db.scalar(asked, {**given, "hash": one}) for one in hashes]
    # Rows from before a key rotation and after it can both exist for a moment: the older wins.
    return min((one for one in found if one), key=lambda one: one.created_at, default=None)


def address_for(
    db: Session,
    clinic_id: UUID,
    channel: Channel,
    value: str,
    now: datetime,
    *,
    lock: bool = False,
) -> Address:
    """Return the clinic's row for a number or mailbox, adding it when it is new."""
    found = address_of(db, clinic_id, channel, value, lock=lock)
    if found is None:
        try:
            with db.begin_nested():
                return _added_address(db, clinic_id, channel, value, now)
        except IntegrityError:
            # Somebody else added the same one in this moment; now it is there.
            found = address_of(db, clinic_id, channel, value, lock=lock)
            if found is None:
                raise
    if found.value is None:
        found.value = value
    return found


def _added_address(
    db: Session, clinic_id: UUID, channel: Channel, value: str, now: datetime
) -> Address:
    added = Address(
        clinic_id=clinic_id,
        channel=channel,
        lookup_hash=address_hash(db, channel, value),
        value=value,
        created_at=now,
    )
    db.add(added)
    db.flush()
    return added


def address_hash(db: Session, channel: Channel, value: str) -> bytes:
    """Return the keyed hash a number or mailbox is found by, made with the current secret."""
    return vault_of(db.get_bind().dialect).lookup_hashes(_normal(channel, value))[0]


_PATIENTS_AT = (
    select(Patient)
    .where(
        (Patient.phone_address_id == bindparam("address"))
        | (Patient.email_address_id == bindparam("address")),
        Patient.erased_at.is_(None),
    )
    .order_by(Patient.created_at, Patient.id)
)


def patients_at(db: Session, address_id: UUID) -> list[Patient]:
    """Return everyone who is written to at one address, oldest record first."""
    return list(db.scalars(_PATIENTS_AT, {"address": address_id}))


def first_names(db: Session, clinic_id: UUID, limit: int) -> Iterator[tuple[UUID, str]]:
    """Yield the ids and names of a clinic's newest patients, newest first, opened page by page."""
    asked = (
        select(Patient.id, Patient.first_name)
        .where(Patient.clinic_id == clinic_id, Patient.erased_at.is_(None))
        .order_by(Patient.created_at.desc(), Patient.id.desc())
        .limit(limit)
        .execution_options(yield_per=1000)
    )
    for patient_id, name in db.execute(asked):
        yield patient_id, name or ""


def patients_by_id(db: Session, ids: Iterable[UUID]) -> dict[UUID, Patient]:
    """Return patients by their ids."""
    return {one.id: one for one in db.scalars(select(Patient).where(Patient.id.in_(set(ids))))}


def addresses_by_id(db: Session, ids: Iterable[UUID]) -> dict[UUID, Address]:
    """Return numbers and mailboxes by their ids."""
    return {one.id: one for one in db.scalars(select(Address).where(Address.id.in_(set(ids))))}


def facts_of(patient: Patient, consent: Consent) -> PatientFacts:
    """Return what the rules need to know of a patient."""
    return PatientFacts(
        language=patient.language,
        channel=patient.channel,
        consents=Consents(sms=consent.sms, email=consent.email, details=consent.details),
        time_zone=patient.time_zone,
        health_flags=frozenset(HealthFlag(flag) for flag in patient.health_flags or ()),
        guardian=patient.guardian,
    )


def _normal(channel: Channel, value: str) -> str:
    return value.casefold() if channel is Channel.EMAIL else value
