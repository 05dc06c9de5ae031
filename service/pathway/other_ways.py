"""What takes over from a text that cannot arrive: its email form, where the patient agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.replanning import Moved
from service.domain.values import Channel, MessageKind, MessageState, SessionState
from service.pathway.lateness import AUTOMATIC, verdict_on
from service.pathway.optouts import lock_address
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.messages import Message, end_all
from service.store.patients import Address, Patient, consent_of
from service.store.sessions import TreatmentSession

BY_EMAIL = "This number cannot receive texts: it goes by email instead."
BY_PHONE = "This number cannot receive texts: the patient is to be phoned."
NOT_AT_ALL = "This number cannot receive texts."

_CARRIES = frozenset(
    {
        MessageState.PLANNED,
        MessageState.CLAIMED,
        MessageState.ACCEPTED,
        MessageState.DELIVERED,
        MessageState.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class OtherWay:
    """How else a message may reach its patient.

    `covered`: the other channel carries the same message and has not failed. `can_email`: its email
    form may be planned now.
    """

    can_email: bool = False
    covered: bool = False


def other_way(db: Session, message: Message, now: datetime) -> OtherWay:
    """Return how else a message may reach its patient; holds until the transaction ends.

    The email's address is locked, so that an opt-out waits for what is decided here (O2).
    """
    twin = _twin(db, message)
    if twin is not None:
        return OtherWay(covered=twin.state in _CARRIES)
    if message.channel is not Channel.SMS or _open_window(db, message, now) is None:
        return OtherWay()
    return OtherWay(can_email=_mailbox(db, message) is not None)


def email_instead(db: Session, message: Message, now: datetime) -> None:
    """Plan the email form of a text for which `other_way` said `can_email`."""
    window, mailbox = _open_window(db, message, now), _mailbox(db, message)
    if window is None or mailbox is None:
        raise ValueError("nothing may be emailed in place of this message")
    send_at, send_before = window
    db.add(
        Message(
            id=new_id(),
            clinic_id=message.clinic_id,
            address_id=mailbox.id,
            patient_id=message.patient_id,
            session_id=message.session_id,
            reply_id=message.reply_id,
            key=message.key,
            kind=message.kind,
            lane=message.lane,
            channel=Channel.EMAIL,
            wording=message.wording,
            language=message.language,
            protocol_version=message.protocol_version,
            slots=message.slots,
            due_at=message.due_at,
            send_at=send_at,
            send_before=send_before,
            useful_until=message.useful_until,
            state=MessageState.PLANNED,
            reason="By email, because the number cannot receive texts.",
            created_at=now,
        )
    )
    db.flush()


def reroute(db: Session, number: Address, now: datetime) -> list[Message]:
    """End all that is planned for a locked number that takes no texts; what can goes by email.

    Returns the check-ins and safety notes that nobody will get: their patients must be phoned.
    """
    unheard = []
    for message in _planned_texts(db, number):
        way = other_way(db, message, now)
        if way.can_email:
            email_instead(db, message, now)
        if way.can_email or way.covered:
            end_all([message], MessageState.CANCELLED, BY_EMAIL)
        elif _must_be_heard(message):
            end_all([message], MessageState.SKIPPED, BY_PHONE)
            unheard.append(message)
        else:
            end_all([message], MessageState.CANCELLED, NOT_AT_ALL)
    return unheard


def _open_window(db: Session, message: Message, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from when until when the message may go out; None when that is over."""
    if now < message.send_before:
        return max(now, message.send_at), message.send_before
    verdict = verdict_on(db, message, now) if message.kind not in AUTOMATIC else None
    return (verdict.send_at, verdict.send_before) if isinstance(verdict, Moved) else None


def _must_be_heard(message: Message) -> bool:
    # A nudge only repeats its check-in, for which somebody phones already.
    asks = message.kind is MessageKind.CHECKIN and message.key.startswith("checkin_")
    return asks or message.kind is MessageKind.SAFETY


def _twin(db: Session, message: Message) -> Message | None:
    """Return the same message on the other channel, if there is one."""
    same = select(Message).where(Message.key == message.key, Message.channel != message.channel)
    if message.reply_id is not None:
        return db.scalar(same.where(Message.reply_id == message.reply_id))
    if message.session_id is None:
        return None
    return db.scalar(same.where(Message.session_id == message.session_id))


def _mailbox(db: Session, message: Message) -> Address | None:
    """Return the patient's mailbox, locked, if the patient agreed to email and it may be used."""
    patient = db.get(Patient, message.patient_id) if message.patient_id else None
    if patient is None or patient.email_address_id is None or not patient.in_care():
        return None
    if message.session_id is not None:
        session = db.get_one(TreatmentSession, message.session_id)
        if session.state is not SessionState.ACTIVE and message.kind is not MessageKind.REPLY:
            return None
    consent = consent_of(db, patient.id)
    if consent is None or not consent.email:
        return None
    if db.get_one(Clinic, message.clinic_id).email_from is None:
        return None
    mailbox = lock_address(db, patient.email_address_id)
    works = mailbox.may_receive() and mailbox.failing_since is None
    return mailbox if works else None


def _planned_texts(db: Session, number: Address) -> list[Message]:
    return list(
        db.scalars(
            select(Message)
            .where(
                Message.address_id == number.id,
                Message.state == MessageState.PLANNED,
                Message.kind != MessageKind.NOTICE,
            )
            .order_by(Message.send_at, Message.id)
            .with_for_update()
        )
    )
