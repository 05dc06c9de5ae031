"""Emails that come in: to their clinic, once, read like texts; machines are shown, not heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.app import reply_rules
from service.domain.values import Channel, MessageKind, MessageState
from service.gateways.imap_replies import ImapReplies, mailbox_at
from service.gateways.ports import Bounce, ProviderUnavailable, ReceivedEmail
from service.pathway.inbound_mail import (
    NoClinic,
    fetch_emails,
    inbound_token,
    is_inbound_token,
    take_email,
)
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient, address_for
from service.store.replies import Reply
from service.store.secrets import Vault
from service.store.sessions import TreatmentSession
from tests.conftest import SECRET
from tests.gateways.imap_server import a_mailbox
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_patient, a_sent_checkin, a_session

RULES = reply_rules()
ANA = "ana@example.com"
CARE = "care@bayou.example"


def an_email(text: str = "2", ref: str = "<a1@example.com>", **details: Any) -> ReceivedEmail:
    """An answer that Ana wrote to the clinic."""
    given: dict[str, Any] = {
        "message_id": ref,
        "answers": (),
        "sender": ANA,
        "recipients": (CARE,),
        "subject": "Re: Quick check-in (1 minute)",
        "text": text,
    }
    return ReceivedEmail(**(given | details))


def asked(db: Session, **clinic: Any) -> Message:
    """A check-in that Ana got by email an hour ago."""
    patient = a_patient(db, a_clinic(db, **clinic))
    mailbox = address_for(db, patient.clinic_id, Channel.EMAIL, ANA, NOON)
    patient.email_address_id = mailbox.id
    checkin = a_sent_checkin(db, a_session(db, patient), patient)
    checkin.channel, checkin.address_id = Channel.EMAIL, mailbox.id
    checkin.state, checkin.provider_status = MessageState.ACCEPTED, "accepted"
    checkin.provider_ref = f"<{checkin.id}@bayou.example>"
    db.flush()
    return checkin


def answers(db: Session) -> list[tuple[str, Channel]]:
    """What goes back by itself."""
    found = db.scalars(select(Message).where(Message.kind == MessageKind.REPLY))
    return [(message.key, message.channel) for message in found]


def test_an_answer_by_email_is_read_flagged_and_answered_by_email(sessions: Sessions):
    with sessions.begin() as db:
        checkin = asked(db)

        reply = take_email(db, an_email("7 and my hand is numb"), RULES, NOON)

        assert reply is not None
        assert (reply.channel, reply.provider) == (Channel.EMAIL, "email")
        assert (reply.patient_id, reply.checkin_id) == (checkin.patient_id, checkin.id)
        [flag] = db.scalars(select(Flag))
        assert flag.level == "urgent"
        assert answers(db) == [("urgent", Channel.EMAIL)]
        assert checkin.answered_at == NOON


def test_the_same_email_never_counts_twice(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)

        assert take_email(db, an_email(), RULES, NOON) is not None
        assert take_email(db, an_email(), RULES, NOON) is None


def test_an_answer_to_an_older_check_in_counts_for_its_own_session(sessions: Sessions):
    with sessions.begin() as db:
        older = asked(db)
        patient = _patient_of(db, older)
        newer = a_sent_checkin(db, a_session(db, patient), patient)
        newer.channel, newer.address_id = Channel.EMAIL, older.address_id
        newer.sent_at = NOON - timedelta(minutes=5)
        answer = an_email(answers=("<other@example.com>", f"<{older.id}@bayou.example>"))

        reply = take_email(db, answer, RULES, NOON)

        assert reply is not None
        assert (reply.session_id, reply.checkin_id) == (older.session_id, older.id)
        assert newer.answered_at is None


def test_an_answer_from_another_mailbox_is_tied_and_put_before_a_person(sessions: Sessions):
    with sessions.begin() as db:
        checkin = asked(db)
        answer = an_email(sender="ana@work.example", answers=(f"<{checkin.id}@bayou.example>",))

        reply = take_email(db, answer, RULES, NOON)

        assert reply is not None
        assert reply.patient_id == checkin.patient_id
        [flag] = db.scalars(select(Flag))
        assert "unknown_sender" in flag.categories


def test_what_stands_in_the_subject_is_read_as_well(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)

        take_email(db, an_email("please call", subject="I can't breathe"), RULES, NOON)

        [flag] = db.scalars(select(Flag))
        assert flag.level == "emergency"


def test_our_own_words_quoted_are_not_taken_for_the_patients(sessions: Sessions):
    quoted = "> Chest pain, hard to breathe or faint? Call 911 now.\n> Stop these emails"
    with sessions.begin() as db:
        checkin = asked(db)

        reply = take_email(db, an_email(quoted, only_quotes=True), RULES, NOON)

        assert reply is not None
        assert reply.body == quoted
        assert not reply.opt_out
        assert db.scalars(select(Flag)).all() == []
        assert answers(db) == [("clarify", Channel.EMAIL)]
        assert checkin.answered_at is None


@pytest.mark.parametrize("sender", [ANA, "news@example.com"])
def test_a_machines_mail_is_kept_but_is_no_answer_and_gets_none(sessions: Sessions, sender: str):
    with sessions.begin() as db:
        checkin = asked(db)
        away = "I am out of the office. Emergency? Call 911."

        reply = take_email(db, an_email(away, automatic=True, sender=sender), RULES, NOON)

        assert reply is not None
        assert reply.body == away
        assert checkin.answered_at is None
        assert db.scalars(select(Flag)).all() == []
        assert answers(db) == []


def test_two_machines_do_not_write_to_each_other_all_night(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)

        for count in range(12):
            take_email(db, an_email("Thank you for your mail", ref=f"<a{count}@m>"), RULES, NOON)
        take_email(db, an_email("i cant breathe", ref="<b@m>"), RULES, NOON)

        assert len(answers(db)) <= 10
        assert "emergency" in [flag.level for flag in db.scalars(select(Flag))]


def test_a_photo_by_email_is_kept_as_a_reference_and_needs_a_person(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)

        reply = take_email(db, an_email(media=(("mid:a1@example.com", "image/jpeg"),)), RULES, NOON)

        assert reply is not None
        assert reply.media == [{"url": "mid:a1@example.com", "type": "image/jpeg"}]
        [flag] = db.scalars(select(Flag))
        assert "photo" in flag.categories


def test_stop_by_email_ends_emails_and_leaves_the_phone_alone(sessions: Sessions):
    with sessions.begin() as db:
        checkin = asked(db)
        patient, session = _patient_of(db, checkin), _session_of(db, checkin)
        later = {"send_at": NOON + timedelta(hours=1), "due_at": NOON + timedelta(hours=1)}
        mailbox = {"channel": Channel.EMAIL, "address_id": checkin.address_id}
        by_email = a_message(db, session, patient, "checkin_96h", **mailbox, **later)
        by_text = a_message(db, session, patient, "checkin_96h", **later)

        take_email(db, an_email("Stop, please"), RULES, NOON)

        assert by_email.state is MessageState.CANCELLED
        assert by_text.state is MessageState.PLANNED
        assert answers(db) == [("stop", Channel.EMAIL)]
        assert db.get_one(Address, patient.phone_address_id).opted_out_at is None


def test_a_bounce_marks_the_check_in_undelivered_and_a_person_phones(sessions: Sessions):
    with sessions.begin() as db:
        checkin = asked(db)
        bounce = Bounce(f"<{checkin.id}@bayou.example>", ANA, "5.1.1")

        take_email(db, a_report(bounce), RULES, NOON)
        take_email(db, a_report(bounce), RULES, NOON)

        assert checkin.state is MessageState.UNDELIVERED
        assert checkin.reason == "This mailbox does not exist or refuses the clinic's mail."
        assert db.get_one(Address, checkin.address_id).failing_since == NOON
        assert [flag.kind for flag in db.scalars(select(Flag))] == ["undelivered"]


def test_a_bounce_that_names_only_the_patient_is_about_the_last_email_to_them(sessions: Sessions):
    with sessions.begin() as db:
        checkin = asked(db)

        take_email(db, a_report(Bounce("<of-the-relay@x.example>", ANA, "5.2.2")), RULES, NOON)

        assert checkin.state is MessageState.UNDELIVERED
        assert checkin.reason == "The mailbox is full."


def test_the_mailbox_written_to_decides_the_clinic(sessions: Sessions):
    with sessions.begin() as db:
        a_clinic(db, name="Other", sender="+12815550009", email_from="care@other.example")
        checkin = asked(db)

        reply = take_email(db, an_email(recipients=("x@y.example", CARE.upper())), RULES, NOON)

        assert reply is not None
        assert reply.clinic_id == checkin.clinic_id


def test_clinics_that_share_a_mailbox_each_get_their_own_patients_mail(sessions: Sessions):
    with sessions.begin() as db:
        a_clinic(db, name="Other", sender="+12815550009")
        checkin = asked(db)

        reply = take_email(db, an_email(), RULES, NOON)

        assert reply is not None
        assert reply.clinic_id == checkin.clinic_id


def test_mail_for_no_clinic_here_is_not_stored(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)

        with pytest.raises(NoClinic):
            take_email(db, an_email(recipients=("else@else.example",)), RULES, NOON)


class AMailbox:
    """A mailbox in memory."""

    def __init__(self, *emails: ReceivedEmail, away: bool = False) -> None:
        self.emails, self.away = list(emails), away
        self.seen: list[ReceivedEmail] = []
        self.aside: list[ReceivedEmail] = []

    def unseen(self) -> list[ReceivedEmail]:
        if self.away:
            raise ProviderUnavailable("away")
        return [one for one in self.emails if one not in (*self.seen, *self.aside)]

    def mark_seen(self, emails: Any) -> None:
        self.seen += emails

    def set_aside(self, emails: Any) -> None:
        self.aside += emails


def test_unread_mail_is_taken_in_once_and_then_read(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)
    nobodys = an_email(ref="<a2@example.com>", recipients=("else@else.example",))
    mailbox = AMailbox(nobodys, an_email())

    assert fetch_emails(sessions, mailbox, RULES, NOON) == 2
    assert fetch_emails(sessions, mailbox, RULES, NOON) == 0

    assert (mailbox.seen, mailbox.aside) == ([an_email()], [nobodys])
    with sessions() as db:
        assert len(db.scalars(select(Reply)).all()) == 1


def test_answers_are_fetched_from_a_real_mailbox(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)
    raw = b"From: ana@example.com\nTo: care@bayou.example\nMessage-ID: <a1@example.com>\n\n7"

    with a_mailbox() as imap:
        kept = imap.put(raw)
        assert fetch_emails(sessions, ImapReplies(mailbox_at(imap.url)), RULES, NOON) == 1

    assert (imap.seen, imap.starred) == ({kept}, set())
    with sessions() as db:
        assert db.scalars(select(Reply.score)).all() == [7]


def test_mail_that_cannot_be_stored_stays_unread_and_stops_no_other(sessions: Sessions):
    with sessions.begin() as db:
        asked(db)
    unstorable = replace(an_email(), message_id=None)  # type: ignore[arg-type]
    mailbox = AMailbox(unstorable, an_email())

    fetch_emails(sessions, mailbox, RULES, NOON)

    assert mailbox.seen == [an_email()]


def test_a_mailbox_that_is_away_is_asked_again_later(sessions: Sessions):
    assert fetch_emails(sessions, AMailbox(away=True), RULES, NOON) == 0


def test_only_our_own_secrets_open_the_door_for_relays():
    old, new = Vault([SECRET]), Vault(["another secret that is long enough, too", SECRET])

    assert is_inbound_token(new, inbound_token(old))
    assert not is_inbound_token(old, inbound_token(new))
    assert not is_inbound_token(old, "")
    assert not is_inbound_token(old, inbound_token(old)[:-1])
    assert not is_inbound_token(old, "ñ")


def a_report(bounce: Bounce) -> ReceivedEmail:
    return an_email(
        "could not be delivered",
        ref="<report@mx.example>",
        sender="mailer-daemon@mx.example",
        automatic=True,
        bounce=bounce,
    )


def _patient_of(db: Session, message: Message) -> Patient:
    return db.get_one(Patient, message.patient_id)


def _session_of(db: Session, message: Message) -> TreatmentSession:
    return db.get_one(TreatmentSession, message.session_id)
