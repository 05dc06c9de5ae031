"""Several patients on one number: a first name says who wrote, and what was written is theirs."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.pathway.answers import SHARED_PHONE
from service.pathway.callbacks import FlagNotFound
from service.pathway.correspondents import Correspondent, as_patient
from service.pathway.missed_calls import writer_of
from service.store import audit
from service.store.flags import Flag, flag_of
from service.store.patients import Patient, patient_of, patients_at
from service.store.replies import Reply, replies_since
from service.store.sessions import sessions_of_patient

_MOST_WORDS = 5
"""A longer text says more than a name: it is read for what it says."""
_ABOUT = frozenset(
    [
        "it",
        "its",
        "is",
        "this",
        "about",
        "for",
        "me",
        "im",
        "i",
        "am",
        "s",
        "soy",
        "es",
        "de",
        "para",
        "sobre",
    ]
)
"""What people put around a name; any other word is read as well."""
_ASKED_WITHIN = timedelta(hours=72)


@dataclass(frozen=True)
class SortedOut:
    """Who it turned out to be; `text` is all of theirs that waited for the name, to be read now."""

    who: Correspondent
    text: str


class NotOneOfThem(Exception):
    """The patient is not written to at the number that a reply came from."""


def say_who_wrote(
    db: Session, clinic_id: UUID, flag_id: UUID, patient_id: UUID, *, by: str, now: datetime
) -> Flag:
    """A person says which of a shared number's patients a reply, and its flag, belong to.

    Raises `FlagNotFound`, also when somebody has said so already, or `NotOneOfThem`.
    """
    writer_of(db, clinic_id, flag_id)  # locked first, as whoever takes in a reply does
    flag = flag_of(db, clinic_id, flag_id)
    if flag is None or flag.patient_id is not None or flag.reply_id is None:
        raise FlagNotFound
    reply = db.get_one(Reply, flag.reply_id)
    patient = next((one for one in patients_at(db, reply.address_id) if one.id == patient_id), None)
    if patient is None:
        raise NotOneOfThem
    return _give(db, flag, reply, patient, by, now)


def say_who_the_stranger_is(
    db: Session, clinic_id: UUID, flag_id: UUID, patient_id: UUID, *, by: str, now: datetime
) -> Flag:
    """A person says which patient wrote from a number that no patient has.

    The reply and its flag become the patient's; the number does not, until somebody corrects it.
    Raises `FlagNotFound`, also when somebody has said so already, or `NotOneOfThem`.
    """
    writer_of(db, clinic_id, flag_id)
    flag = flag_of(db, clinic_id, flag_id)
    if flag is None or flag.patient_id is not None or flag.reply_id is None:
        raise FlagNotFound
    reply = db.get_one(Reply, flag.reply_id)
    patient = patient_of(db, clinic_id, patient_id)
    if patient is None or patient.erased_at is not None or patients_at(db, reply.address_id):
        raise NotOneOfThem
    return _give(db, flag, reply, patient, by, now)


def sort_out(db: Session, who: Correspondent, reply: Reply, now: datetime) -> SortedOut | None:
    """Take a reply as the answer to "who is this about?"; None when it does not say.

    What came from the number meanwhile, and its flags, become that patient's
    (`clinical-protocol` D, "Shared phone").
    """
    if who.patient is not None or who.last_question != SHARED_PHONE:
        return None
    body = reply.body or ""
    patient = _named_in(body, who.patients)
    if patient is None:
        return None
    known = as_patient(db, who, patient, now)
    before = [
        other
        for other in replies_since(db, who.address.id, now - _ASKED_WITHIN)
        if other.patient_id is None and other.id != reply.id
    ]
    for other in before:
        other.patient_id = patient.id
        other.session_id = known.session.id if known.session else None
    theirs = select(Flag).where(Flag.reply_id.in_([other.id for other in before]))
    for flag in db.scalars(theirs.with_for_update()):
        flag.patient_id = patient.id
        flag.session_id = known.session.id if known.session else None
    texts = [other.body for other in before if other.body]
    if not texts or set(_words(body)) - set(_words(patient.first_name or "")) - _ABOUT:
        texts.append(body)
    return SortedOut(known, "\n".join(texts))


def _give(db: Session, flag: Flag, reply: Reply, patient: Patient, by: str, now: datetime) -> Flag:
    sessions = sessions_of_patient(db, flag.clinic_id, patient.id)
    session = next((one for one in sessions if one.ended_at <= reply.received_at), None)
    for row in (flag, reply):
        row.patient_id = patient.id
        row.session_id = session.id if session else None
    audit.record(
        db,
        clinic_id=flag.clinic_id,
        at=now,
        actor=by,
        action="sender_named",
        subject=f"flag:{flag.id}",
        patient=str(patient.id),
    )
    return flag


def _named_in(text: str, patients: tuple[Patient, ...]) -> Patient | None:
    """The one patient whose first name a short text holds."""
    words = _words(text)
    if not 0 < len(words) <= _MOST_WORDS:
        return None
    named = [
        patient
        for patient in patients
        if patient.first_name and set(_words(patient.first_name)) <= set(words)
    ]
    return named[0] if len(named) == 1 else None


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return re.findall(r"[^\W\d_]+", "".join(c for c in plain if not unicodedata.combining(c)))
