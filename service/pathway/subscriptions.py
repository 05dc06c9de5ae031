"""Stopping and starting messages by link: one address, at once, as often as a patient likes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION
from service.domain.values import Channel, Language
from service.pathway.optouts import lock_address, opt_out, reopen
from service.pathway.page_answers import LinkNamesNothing, Shown
from service.store.clinics import Clinic
from service.store.patients import Address, Consent, Patient, consent_of, patients_at

LINK = "link"
"""Who did it, in the audit trail and beside the consent."""


@dataclass(frozen=True)
class SubscriptionPage:
    """What the page of an address shows."""

    shown: Shown
    channel: Channel
    stopped: bool


def subscription_page(db: Session, address_id: UUID) -> SubscriptionPage:
    """Return how an address stands; raises `LinkNamesNothing`. Changes nothing."""
    return _page(db, db.get(Address, address_id))


def unsubscribe(db: Session, address_id: UUID, now: datetime) -> SubscriptionPage:
    """Send no more to an address (RFC 8058); again is the same. Raises `LinkNamesNothing`.

    Also after erasure: the opt-out is kept, and is all that is left.
    """
    if db.get(Address, address_id) is None:
        raise LinkNamesNothing
    address = lock_address(db, address_id)
    opt_out(db, address, LINK, now)
    return _page(db, address)


def subscribe_again(db: Session, address_id: UUID, now: datetime) -> SubscriptionPage:
    """Let an address have messages again, and record that as the consent that it is (O7, O8).

    Raises `LinkNamesNothing`, also when nobody is written to there any more.
    """
    if db.get(Address, address_id) is None:
        raise LinkNamesNothing
    address = lock_address(db, address_id)
    patients = patients_at(db, address_id)
    if address.value is None or not patients:
        raise LinkNamesNothing
    if address.opted_out_at is not None or address.paused_because is not None:
        for patient in patients:
            _consent_again(db, patient, address.channel, now)
        reopen(db, address, LINK, now)
    return _page(db, address)


def _consent_again(db: Session, patient: Patient, channel: Channel, now: datetime) -> None:
    last = consent_of(db, patient.id)
    db.add(
        Consent(
            clinic_id=patient.clinic_id,
            patient_id=patient.id,
            sms=channel is Channel.SMS or bool(last and last.sms),
            email=channel is Channel.EMAIL or bool(last and last.email),
            details=bool(last and last.details),
            recorded_at=now,
            recorded_by=LINK,
            wording_version=CURRENT_VERSION,
        )
    )


def _page(db: Session, address: Address | None) -> SubscriptionPage:
    if address is None:
        raise LinkNamesNothing
    clinic = db.get_one(Clinic, address.clinic_id)
    person = next(iter(patients_at(db, address.id)), None)
    language = person.language if person else Language.EN
    return SubscriptionPage(
        shown=Shown(clinic.name, clinic.phone, language, CURRENT_VERSION),
        channel=address.channel,
        stopped=address.opted_out_at is not None,
    )
