"""A clinic as it is on a Tuesday at noon: eleven days of visits, what went out and came back.

Everything is invented; the numbers are ones that nobody has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.app import reply_rules
from service.domain.protocol.editions import Changes, version_of
from service.domain.values import (
    CallOutcome,
    Channel,
    Consents,
    FlagState,
    HeatIcePlan,
    Language,
    Level,
    MessageKind,
    MessageState,
    Role,
    TriggerPoints,
)
from service.pathway.administration import create_staff
from service.pathway.callbacks import own, record_call
from service.pathway.enrolment import NewPatient, NewSession, enrol
from service.pathway.invitations import invite
from service.pathway.replies import Incoming, receive
from service.pathway.silence import raise_silences
from service.store.clinics import Clinic
from service.store.editions import Edition
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Patient
from service.store.workers import record_beat
from tests.make import NOON, a_clinic
from tests.web.staff.browsing import Person, a_person

_BY = ("Sam Nguyen", "Dana Whitfield")

HOUR = timedelta(hours=1)

_VISITS: tuple[tuple[str, float, str, int, int, str], ...] = (
    # Who, days ago, where, by whom of `_BY`, pain before, the answer to the first check-in.
    ("Ruth", 11.1, "low_back", 0, 5, "2, feeling good thanks"),
    ("Omar", 11.0, "upper_trap", 1, 6, "3 much looser"),
    ("Priya", 10.9, "calf_foot", 0, 4, "1"),
    ("Glen", 10.2, "low_back hip_glute", 0, 7, "7 and my foot is numb"),
    ("Sofía", 10.1, "shoulder", 1, 5, "3 bien, gracias"),
    ("Hank", 8.0, "upper_trap", 0, 6, "4"),
    ("Mei", 7.9, "low_back", 0, 3, "1 all good"),
    ("Tess", 7.2, "upper_trap", 1, 8, "5, can I go running?"),
    ("Leo", 7.1, "calf_foot", 0, 5, "7"),
    ("Nora", 7.0, "low_back", 1, 6, "3"),
    ("Ivan", 6.2, "upper_trap", 0, 4, "2"),
    ("Beth", 6.1, "low_back", 0, 5, "4"),
    ("Carl", 6.0, "upper_trap", 1, 7, ""),
    ("June", 4.3, "low_back", 0, 4, "2"),
    ("Theo", 4.2, "upper_trap neck", 0, 6, "8 worse than before, hurts to move"),
    ("Dora", 4.1, "calf_foot", 1, 5, "1 great"),
    ("Marta", 3.9, "hip_glute", 0, 5, "STOP"),
    ("Ana", 2.05, "upper_trap", 0, 5, "its a 7 and my hand is numb, no fever"),
    ("Luis", 2.04, "upper_mid_back", 1, 6, "me cuesta respirar desde anoche"),
    ("Grace", 2.03, "low_back", 0, 4, "3, can I use heat on it?"),
    ("Nina", 2.02, "neck", 1, 6, ""),
    ("Will", 1.1, "low_back", 0, 5, ""),
    ("Rosa", 1.0, "shoulder", 1, 6, ""),
    ("Owen", 0.16, "thigh", 1, 4, ""),
    ("Eli", 0.13, "upper_trap", 0, 5, ""),
    ("Zara", 0.1, "shoulder neck", 1, 6, ""),
    ("Maya", 0.06, "low_back hip_glute", 0, 7, ""),
)
_SPANISH = {"Sofía", "Luis", "Rosa"}

ROWS = """row_id,first_name,phone,ended_at,regions,pain,first_session,consent_sms,consent_details
v-881,Paula,202-555-0151,2026-03-03 11:20,neck / shoulder,6,yes,yes,yes
v-882,Jonas,202-555-01,2026-03-03 11:00,elbow,4,no,yes,no
v-883,Eli,202-555-0124,2026-03-03 08:50,upper_trap,5,yes,yes,yes
"""
"""A file to import: one row is new, one must change, one visit is here already."""


@dataclass(frozen=True)
class Tuesday:
    """Who works there, and what its pages are about."""

    clinic_id: UUID
    admin: Person
    therapist: Person
    invitation: str
    """The token with which a colleague may begin."""
    patient_id: UUID
    session_id: UUID
    flag_id: UUID
    checkin_id: UUID
    """One that has not been answered yet, and where it went."""
    address_id: UUID


def a_lively_clinic(sessions: Sessions) -> Tuesday:
    """Fill the database with the clinic; it is `NOON` there."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        admin = a_person(db, clinic, "alex@bayou.example", Role.ADMIN, name="Alex Rivera")
        therapist = a_person(db, clinic, "sam@bayou.example", Role.THERAPIST, name=_BY[0])
        dana = create_staff(
            db, clinic, email="dana@bayou.example", role=Role.THERAPIST, name=_BY[1], now=NOON
        )
        invitation = invite(db, dana, NOON, actor="Alex Rivera")
        for number, visit in enumerate(_VISITS):
            _live_through(db, clinic, _phone(number), *visit)
        write(db, clinic, "+12025550199", "its me, my arm is still sore", NOON - HOUR)
        _undeliverable(db)
        _draft(db, clinic)
        record_beat(db, uuid4(), "worker", NOON)
    raise_silences(sessions, NOON)
    with sessions.begin() as db:
        ana = db.scalars(
            select(Flag).where(Flag.level == Level.URGENT, Flag.state == FlagState.OPEN)
        ).one()
        own(db, ana.clinic_id, ana.id, _BY[0], NOON - HOUR / 4)
        assert ana.session_id is not None
        nina = next(one for one in db.scalars(select(Patient)) if one.first_name == "Nina")
        asked = select(Message).where(
            Message.patient_id == nina.id, Message.state == MessageState.DELIVERED
        )
        checkin = db.scalars(asked.where(Message.key == "checkin_48h")).one()
        assert ana.patient_id is not None
        return Tuesday(
            clinic_id=ana.clinic_id,
            admin=admin,
            therapist=therapist,
            invitation=invitation,
            patient_id=ana.patient_id,
            session_id=ana.session_id,
            flag_id=ana.id,
            checkin_id=checkin.id,
            address_id=checkin.address_id,
        )


def write(db: Session, clinic: Clinic, phone: str, words: str, at: datetime) -> None:
    """Take in a patient's text."""
    receive(
        db,
        clinic,
        Incoming(Channel.SMS, "twilio", f"SM{uuid4().hex}", phone, words, (), at),
        reply_rules(),
    )


def _phone(number: int) -> str:
    return f"+1202555{100 + number:04}"


def _live_through(
    db: Session,
    clinic: Clinic,
    phone: str,
    name: str,
    days: float,
    regions: str,
    by: int,
    pain: int,
    words: str,
) -> None:
    """Enrol a patient, let what was due go out, answer the check-ins, phone whom that raised."""
    ended = NOON - timedelta(days=days)
    visit = enrol(
        db, clinic, _session(name, phone, ended, regions, pain), by=_BY[by], now=ended + HOUR / 10
    )
    asked = db.scalars(
        select(Message)
        .where(
            Message.session_id == visit.id,
            Message.key.in_(("checkin_48h", "checkin_96h")),
            Message.send_at < NOON,
        )
        .order_by(Message.send_at)
    ).all()
    for checkin, answer in zip(asked, (words, "" if words in ("", "STOP") else "2"), strict=False):
        _send(db, visit.id, checkin.send_at)
        at = min(checkin.send_at + HOUR / 2, NOON - HOUR / 5)
        if answer:
            write(db, clinic, phone, answer, at)
        if answer and days > 3:
            _phone_back(db, visit.id, at + 1.4 * HOUR)
    _send(db, visit.id, NOON)


def _phone_back(db: Session, session_id: UUID, at: datetime) -> None:
    waiting = select(Flag).where(Flag.session_id == session_id, Flag.state != FlagState.CLOSED)
    for flag in db.scalars(waiting).all():
        own(db, flag.clinic_id, flag.id, "Alex Rivera", at - HOUR / 3)
        outcome = CallOutcome.BOOKED if flag.level is Level.URGENT else CallOutcome.ADVISED
        note = "Explained what is usual; will write again if it gets worse."
        record_call(db, flag.clinic_id, flag.id, outcome, note, "Alex Rivera", at)


def _send(db: Session, session_id: UUID, until: datetime) -> None:
    """What was due by then went out and arrived."""
    due = select(Message).where(
        Message.session_id == session_id,
        Message.state == MessageState.PLANNED,
        Message.send_at <= until,
    )
    for message in db.scalars(due).all():
        message.state, message.reason = MessageState.DELIVERED, "It arrived."
        message.sent_at = message.send_at
        message.delivered_at = message.send_at + timedelta(seconds=4)
        message.segments = 1 + (message.kind is MessageKind.CHECKIN)
    db.flush()


def _draft(db: Session, clinic: Clinic) -> None:
    """The admin tries what fewer calls and a later tip would mean."""
    changes = Changes(
        due={"move_am": "10:30"},
        left_out=("tip_72h",),
        pain={"severe_from": 8, "worse_by": 3},
        texts={
            Language.EN: {
                "hydrate": "{clinic}: Sip water when you are thirsty today. Reply STOP to opt out."
            }
        },
    )
    draft = Edition(
        clinic_id=clinic.id,
        number=1,
        base=1,
        changes=changes.model_dump(mode="json"),
        drafted_by="Alex Rivera",
        changed_at=NOON - HOUR,
    )
    draft.version = version_of(draft.content())
    db.add(draft)


def _undeliverable(db: Session) -> None:
    """One of the numbers turns out to be a landline."""
    will = next(one for one in db.scalars(select(Patient)) if one.first_name == "Will")
    lost = db.scalars(
        select(Message)
        .where(Message.patient_id == will.id, Message.state == MessageState.DELIVERED)
        .order_by(Message.send_at.desc())
    ).first()
    assert lost is not None
    lost.state, lost.reason = MessageState.UNDELIVERED, "This number is a landline."
    lost.delivered_at = None
    flag = Flag(
        clinic_id=will.clinic_id,
        patient_id=will.id,
        session_id=lost.session_id,
        message_id=lost.id,
        kind="undelivered",
        level=Level.ROUTINE,
        categories=[lost.key],
        reason=lost.reason,
        raised_at=NOON - 2 * HOUR,
        due_at=NOON + 20 * HOUR,
        state=FlagState.OPEN,
    )
    db.add(flag)
    db.flush()


def _session(name: str, phone: str, ended: datetime, regions: str, pain: int) -> NewSession:
    return NewSession(
        external_id=None,
        patient=NewPatient(
            first_name=name,
            phone=phone,
            email=None,
            language=Language.ES if name in _SPANISH else Language.EN,
            time_zone=None,
            channel=Channel.SMS,
            consents=Consents(sms=True, email=False, details=True),
        ),
        ended_at=ended,
        regions=tuple(regions.split()),
        baseline_pain=pain,
        first_session=name not in ("Ana", "Ruth"),
        trigger_points=TriggerPoints.LOW,
        plan=HeatIcePlan.EITHER,
        move_plan=None,
    )
