"""After a restore nothing is sent until the provider has said what went out since the backup."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import Channel, MessageKind, MessageState
from service.gateways.ports import ReceivedMessage, SentMessage
from service.pathway.after_restore import catch_up, unless_paused
from service.pathway.composing import composer, text_of
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, address_for
from service.store.pause import pause_of, pause_sending
from tests.doubles import RecordingGateway, RememberingProvider
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, a_patient_at, stored

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ANA, CLINIC = "+12815550123", "+12815550000"
BACKUP, RESTORE = NOON - HOUR, NOON + HOUR
LATER = RESTORE + 3 * MINUTE


@pytest.fixture
def restored(sessions: Sessions) -> Sessions:
    """A database restored at one o'clock from a backup of eleven; its clinic texts Ana."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_patient_at(db, clinic, address_for(db, clinic.id, Channel.SMS, ANA, NOON))
        pause_sending(db, BACKUP, RESTORE)
    return sessions


def planned(sessions: Sessions, send_at: datetime = NOON, **details: Any) -> UUID:
    """A check-in to Ana that the backup has as planned, for a time after it."""
    with sessions.begin() as db:
        clinic, address = db.scalars(select(Clinic)).one(), db.scalars(select(Address)).first()
        assert address is not None
        return a_message(db, clinic, address, send_at=send_at, **details).id


def went_out(
    sessions: Sessions, message_id: UUID, at: datetime = NOON, **details: Any
) -> SentMessage:
    """The text that the provider took for a message."""
    with sessions() as db:
        clinic, message = db.scalars(select(Clinic)).one(), db.get_one(Message, message_id)
        body = text_of(message, clinic.facts(), ZoneInfo(clinic.time_zone)).text
    given: dict[str, Any] = {"ref": "SM1", "body": body, "status": "sent", "error_code": None}
    return SentMessage(created_at=at, recipient=ANA, **(given | details))


def another_text(at: datetime = NOON) -> SentMessage:
    return SentMessage("SM9", "In words of another day", "sent", None, at, ANA)


def look(sessions: Sessions, provider: RememberingProvider, now: datetime = LATER) -> bool:
    return catch_up(sessions, provider, reply_rules(), now)


def send(sessions: Sessions, now: datetime = LATER) -> list[UUID]:
    """Let another worker look for what is due; return what it handed over."""
    gateway = RecordingGateway()
    dispatcher = Dispatcher(
        sessions,
        {Channel.SMS: gateway, Channel.EMAIL: gateway},
        now=lambda: now,
        compose=composer("https://care.example", lambda: now),
        rejudge=judge_again,
    )
    asyncio.run(dispatcher.send_what_is_due())
    return gateway.ids()


def actions(sessions: Sessions) -> list[str]:
    with sessions() as db:
        return list(db.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def flags(sessions: Sessions) -> list[UUID | None]:
    with sessions() as db:
        return list(db.scalars(select(Flag.message_id)))


def test_nothing_is_sent_or_judged_while_the_provider_was_not_asked(restored: Sessions) -> None:
    due = planned(restored)
    late = planned(restored, NOON - 48 * HOUR, kind=MessageKind.TIP)

    assert send(restored) == []

    assert {stored(restored, one).state for one in (due, late)} == {MessageState.PLANNED}


def test_silence_is_not_judged_while_replies_may_be_missing(restored: Sessions) -> None:
    looks: list[str] = []
    judge = unless_paused(restored, lambda: looks.append("looked"))

    judge()
    assert looks == []

    look(restored, RememberingProvider())
    judge()
    assert looks == ["looked"]


def test_a_text_that_went_out_after_the_backup_is_not_sent_again(restored: Sessions) -> None:
    sent, waiting = planned(restored), planned(restored, RESTORE + MINUTE, key="nudge_48h")
    provider = RememberingProvider([went_out(restored, sent, status="delivered")])

    assert look(restored, provider)

    row = stored(restored, sent)
    assert (row.state, row.provider_ref, row.sent_at) == (MessageState.DELIVERED, "SM1", NOON)
    assert send(restored) == [waiting]
    assert actions(restored) == ["found_sent", "sending_resumed"]


def test_what_the_provider_never_had_goes_out(restored: Sessions) -> None:
    message_id = planned(restored)

    assert look(restored, RememberingProvider())

    assert send(restored) == [message_id]
    assert flags(restored) == []


def test_a_provider_that_does_not_answer_leaves_sending_paused(restored: Sessions) -> None:
    planned(restored)

    assert not look(restored, RememberingProvider(away=True))

    assert send(restored) == []


def test_a_text_that_was_on_its_way_gets_two_minutes_to_show(restored: Sessions) -> None:
    message_id = planned(restored)
    provider = RememberingProvider()

    assert not look(restored, provider, RESTORE + MINUTE)
    assert send(restored, RESTORE + MINUTE) == []

    provider.taken.append(went_out(restored, message_id))
    assert look(restored, provider)
    assert send(restored) == []


def test_a_claim_in_the_backup_finds_its_text_too(restored: Sessions) -> None:
    claimed = planned(
        restored,
        BACKUP,
        state=MessageState.CLAIMED,
        claim_token=UUID(int=1),
        claimed_at=BACKUP,
        lease_until=BACKUP + MINUTE,
    )

    look(restored, RememberingProvider([went_out(restored, claimed, BACKUP)]))

    assert stored(restored, claimed).state is MessageState.ACCEPTED


def test_of_two_with_the_same_words_the_one_that_was_due_is_found(restored: Sessions) -> None:
    due, tomorrow = planned(restored), planned(restored, NOON + 24 * HOUR)

    look(restored, RememberingProvider([went_out(restored, due)]))

    assert stored(restored, due).state is MessageState.ACCEPTED
    assert stored(restored, tomorrow).state is MessageState.PLANNED


def test_news_of_what_the_backup_has_as_sent_is_written(restored: Sessions) -> None:
    message_id = planned(
        restored,
        BACKUP,
        state=MessageState.ACCEPTED,
        reason="taken",
        provider_ref="SM1",
        provider_status="queued",
    )
    arrived = went_out(restored, message_id, BACKUP, status="delivered")

    look(restored, RememberingProvider([arrived]))

    assert stored(restored, message_id).state is MessageState.DELIVERED


def test_where_other_words_went_out_a_tip_is_let_go_and_a_person_phones(restored: Sessions) -> None:
    tip = planned(restored, kind=MessageKind.TIP, key="water", wording="water")
    checkin = planned(restored)

    look(restored, RememberingProvider([another_text()]))

    assert stored(restored, tip).state is MessageState.SKIPPED
    assert (
        stored(restored, tip).reason
        == "Not sent: it may have gone out before the backup was restored."
    )
    assert flags(restored) == [checkin]
    assert send(restored) == []


def test_other_words_hold_back_nothing_that_was_due_later(restored: Sessions) -> None:
    later = planned(restored, NOON + 30 * MINUTE)

    look(restored, RememberingProvider([another_text(NOON)]))

    assert send(restored) == [later]


def test_emails_that_may_have_gone_are_not_sent_again(restored: Sessions) -> None:
    email: dict[str, Any] = {"channel": Channel.EMAIL}
    tip = planned(restored, kind=MessageKind.TIP, key="water", wording="water", **email)
    checkin = planned(restored, **email)
    later = planned(restored, RESTORE + MINUTE, key="nudge_48h", **email)

    look(restored, RememberingProvider())

    states = [stored(restored, one).state for one in (tip, checkin, later)]
    assert states == [MessageState.SKIPPED, MessageState.UNKNOWN, MessageState.PLANNED]
    assert flags(restored) == [checkin]


def test_a_stop_that_came_after_the_backup_is_obeyed_before_anything_is_sent(
    restored: Sessions,
) -> None:
    message_id = planned(restored)
    stop = ReceivedMessage("SM5", ANA, CLINIC, "STOP", 0, NOON)

    assert look(restored, RememberingProvider(received=[stop]))

    assert send(restored) == []
    assert stored(restored, message_id).state is MessageState.CANCELLED


def test_what_nobody_knows_here_is_counted_for_the_clinic_to_see(restored: Sessions) -> None:
    look(restored, RememberingProvider([another_text()]))

    with restored() as db:
        told = db.scalars(select(AuditEntry).where(AuditEntry.action == "sending_resumed")).one()
    assert told.detail["not_in_backup"] == 1


def test_a_pause_that_was_in_the_backup_reaches_back_to_its_own_beginning(
    restored: Sessions,
) -> None:
    with restored.begin() as db:
        pause_sending(db, NOON, LATER)

    with restored() as db:
        pause = pause_of(db)
    assert pause is not None
    assert (pause.since, pause.restored_at) == (BACKUP, LATER)
