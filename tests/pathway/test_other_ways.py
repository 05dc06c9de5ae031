"""A number that takes no texts: what was meant for it goes by email, or a person phones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.outcomes import Outcome, Refused
from service.domain.values import Channel, MessageKind, MessageState
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.pathway.links import Links
from service.pathway.optouts import opt_out
from service.pathway.receipts import record_receipt
from service.pathway.replies import receive
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient, address_for
from service.store.sessions import TreatmentSession
from tests.conftest import SECRET
from tests.doubles import RecordingGateway, accepting
from tests.make import NOON, a_clinic
from tests.pathway.builders import (
    PHONE,
    ROUTINE,
    a_message,
    a_patient,
    a_session,
    a_text,
    rules_that_read,
)

LANDLINE = Refused(21614, "the provider refused it (code 21614)")
DAY_4 = NOON + timedelta(hours=48)


@dataclass
class Visit:
    """A patient two days after a session, whose phone may turn out to be a landline."""

    patient: Patient
    session: TreatmentSession

    def owed(self, db: Session, key: str, **details: Any) -> Message:
        return a_message(db, self.session, self.patient, key, **details)


def a_visit(db: Session, *, email: bool = True) -> Visit:
    patient = a_patient(db, a_clinic(db))
    mailbox = address_for(db, patient.clinic_id, Channel.EMAIL, "ana@example.com", NOON)
    patient.email_address_id = mailbox.id
    consent = Consent(
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        sms=True,
        email=email,
        details=False,
        recorded_at=NOON,
        recorded_by="test",
        wording_version=1,
    )
    db.add(consent)
    return Visit(patient, a_session(db, patient))


def texts_end_with(sessions: Sessions, outcome: Outcome, now: datetime = NOON) -> RecordingGateway:
    """Send what is due: every text ends so, every email is taken; return what took the emails."""
    texts, emails = RecordingGateway(answer=lambda _: outcome), RecordingGateway(answer=accepting)
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: texts, Channel.EMAIL: emails},
        now=lambda: now,
        compose=composer("https://care.example", lambda: now, Links("", [SECRET])),
        rejudge=judge_again,
    )
    asyncio.run(dispatcher.send_what_is_due())
    return emails


def rows(sessions: Sessions, channel: Channel) -> dict[str, MessageState]:
    with sessions() as db:
        found = db.scalars(select(Message).where(Message.channel == channel))
        return {message.key: message.state for message in found}


def flags(sessions: Sessions) -> list[Flag]:
    with sessions() as db:
        return list(db.scalars(select(Flag).order_by(Flag.due_at)))


def test_a_check_in_to_a_landline_goes_by_email_at_once_and_nobody_phones(sessions: Sessions):
    with sessions.begin() as db:
        a_visit(db).owed(db, "checkin_48h")

    emails = texts_end_with(sessions, LANDLINE)

    [email] = emails.sent
    assert email.recipient == "ana@example.com"
    assert email.subject == "Quick check-in (1 minute)"
    assert rows(sessions, Channel.SMS) == {"checkin_48h": MessageState.REFUSED}
    assert flags(sessions) == []


def test_without_consent_to_email_a_person_phones_instead(sessions: Sessions):
    with sessions.begin() as db:
        a_visit(db, email=False).owed(db, "checkin_48h")

    emails = texts_end_with(sessions, LANDLINE)

    assert emails.sent == []
    assert [flag.kind for flag in flags(sessions)] == ["undelivered"]


def test_later_texts_to_a_landline_go_by_email_in_their_own_time(sessions: Sessions):
    later = {"due_at": DAY_4, "send_at": DAY_4, "send_before": DAY_4 + timedelta(hours=5)}
    with sessions.begin() as db:
        visit = a_visit(db)
        visit.owed(db, "checkin_48h")
        visit.owed(db, "checkin_96h", useful_until=DAY_4 + timedelta(hours=16), **later)
        visit.owed(
            db, "tip_72h", kind=MessageKind.TIP, useful_until=DAY_4 + timedelta(hours=5), **later
        )

    texts_end_with(sessions, LANDLINE)

    assert rows(sessions, Channel.SMS) == {
        "checkin_48h": MessageState.REFUSED,
        "checkin_96h": MessageState.CANCELLED,
        "tip_72h": MessageState.CANCELLED,
    }
    with sessions() as db:
        planned = db.scalars(select(Message).where(Message.state == MessageState.PLANNED)).all()
    assert {(one.key, one.channel, one.send_at) for one in planned} == {
        ("checkin_96h", Channel.EMAIL, DAY_4),
        ("tip_72h", Channel.EMAIL, DAY_4),
    }
    assert flags(sessions) == []


def test_without_email_day_2_and_day_4_are_phone_tasks_each_in_its_time(sessions: Sessions):
    later = {"due_at": DAY_4, "send_at": DAY_4, "send_before": DAY_4 + timedelta(hours=5)}
    until = DAY_4 + timedelta(hours=16)
    with sessions.begin() as db:
        visit = a_visit(db, email=False)
        visit.owed(db, "checkin_48h")
        visit.owed(db, "checkin_96h", useful_until=until, **later)
        visit.owed(db, "nudge_48h", useful_until=until, **later)

    texts_end_with(sessions, LANDLINE)

    day_2, day_4 = flags(sessions)
    assert [day_2.categories, day_4.categories] == [["checkin_48h"], ["phone_96h"]]
    assert day_2.due_at < DAY_4 <= day_4.due_at
    assert rows(sessions, Channel.SMS) == {
        "checkin_48h": MessageState.REFUSED,
        "checkin_96h": MessageState.SKIPPED,
        "nudge_48h": MessageState.CANCELLED,
    }


def test_a_check_in_that_went_by_email_as_well_needs_nothing_more(sessions: Sessions):
    with sessions.begin() as db:
        visit = a_visit(db)
        visit.owed(db, "checkin_48h")
        visit.owed(
            db,
            "checkin_48h",
            channel=Channel.EMAIL,
            address_id=visit.patient.email_address_id,
            state=MessageState.ACCEPTED,
            reason="taken",
        )

    emails = texts_end_with(sessions, LANDLINE)

    assert emails.sent == []
    assert flags(sessions) == []


def test_a_failure_that_is_reported_twice_is_answered_with_one_email(sessions: Sessions):
    with sessions.begin() as db:
        message_id = (
            a_visit(db)
            .owed(
                db, "checkin_48h", state=MessageState.ACCEPTED, reason="taken", provider_ref="SM1"
            )
            .id
        )

    report_undelivered(sessions, message_id, NOON, "failed")
    report_undelivered(sessions, message_id, NOON, "undelivered")

    assert rows(sessions, Channel.EMAIL) == {"checkin_48h": MessageState.PLANNED}
    assert flags(sessions) == []


def test_a_failure_reported_at_night_is_answered_in_the_morning(sessions: Sessions):
    night = NOON + timedelta(hours=14)
    with sessions.begin() as db:
        message_id = (
            a_visit(db)
            .owed(
                db,
                "checkin_48h",
                state=MessageState.ACCEPTED,
                reason="taken",
                provider_ref="SM1",
                useful_until=NOON + timedelta(hours=24),
            )
            .id
        )

    report_undelivered(sessions, message_id, night)

    with sessions() as db:
        [email] = db.scalars(select(Message).where(Message.channel == Channel.EMAIL))
    assert email.send_at == NOON + timedelta(hours=22)  # 10:00 the next morning


def test_who_wants_no_emails_gets_none_and_is_phoned(sessions: Sessions):
    with sessions.begin() as db:
        visit = a_visit(db)
        visit.owed(db, "checkin_48h")
        opt_out(db, db.get_one(Address, visit.patient.email_address_id), "link", NOON)

    emails = texts_end_with(sessions, LANDLINE)

    assert emails.sent == []
    assert [flag.kind for flag in flags(sessions)] == ["undelivered"]


def test_who_said_stop_to_texts_is_phoned_and_not_written_to_another_way(sessions: Sessions):
    with sessions.begin() as db:
        a_visit(db).owed(db, "checkin_48h")

    emails = texts_end_with(sessions, Refused(21610, "the provider refused it (code 21610)"))

    assert emails.sent == []
    assert [flag.categories for flag in flags(sessions)] == [["phone_48h"]]


def report_undelivered(
    sessions: Sessions, message_id: UUID, now: datetime, status: str = "undelivered"
) -> None:
    with sessions.begin() as db:
        record_receipt(db, message_id, "SM1", status, 30006, now)


def test_a_number_from_which_a_text_comes_is_no_landline(sessions: Sessions):
    with sessions.begin() as db:
        clinic = a_clinic(db)
        number = address_for(db, clinic.id, Channel.SMS, PHONE, NOON)
        number.landline_at = NOON

        receive(db, clinic, a_text("7"), rules_that_read(ROUTINE))

        assert number.may_receive()
