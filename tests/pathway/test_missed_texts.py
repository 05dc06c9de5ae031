"""A text whose webhook was lost is read all the same, and once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from service.app import reply_rules
from service.domain.values import Level
from service.gateways.ports import ProviderUnavailable, ReceivedMessage
from service.pathway.missed_texts import BOOKMARK, fetch_missed_texts
from service.pathway.replies import Incoming, receive
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address
from service.store.replies import Reply
from service.store.workers import bookmark
from tests.make import NOON, a_clinic
from tests.pathway import builders

ANA = "+12815550123"


class ListingProvider:
    """A provider with these texts in its list; `broken` after the first."""

    def __init__(self, *texts: ReceivedMessage, broken: bool = False) -> None:
        self.texts = texts
        self.broken = broken
        self.asked: list[datetime] = []

    def received_since(
        self, since: datetime, recipients: Sequence[str] = ()
    ) -> Iterator[ReceivedMessage]:
        self.asked.append(since)
        for text in self.texts:
            if text.received_at >= since and (not recipients or text.recipient in recipients):
                yield text
            if self.broken:
                raise ProviderUnavailable


def a_text(number: int, body: str) -> ReceivedMessage:
    return ReceivedMessage(f"SM{number}", ANA, "+12815550000", body, 0, NOON)


def test_a_lost_emergency_raises_its_flag_once(sessions):
    with sessions.begin() as db:
        a_clinic(db)
    provider = ListingProvider(a_text(1, "i cant breathe"))

    assert fetch_missed_texts(sessions, provider, reply_rules(), NOON) == 1
    assert fetch_missed_texts(sessions, provider, reply_rules(), NOON) == 0

    with sessions.begin() as db:
        assert db.scalars(select(Flag.level)).all() == [Level.EMERGENCY]
        assert db.scalar(select(func.count()).select_from(Reply)) == 1


SERVICE = "MG" + "1" * 32


@pytest.mark.parametrize("inbound_number", ["+12815550000", None])
def test_texts_to_a_clinic_with_a_messaging_service_are_fetched_too(sessions, inbound_number):
    with sessions.begin() as db:
        a_clinic(db, sender=SERVICE, inbound_number=inbound_number)
    through_it = replace(a_text(1, "i cant breathe"), service=SERVICE)
    nobodys = replace(a_text(2, "hello"), recipient="+12815559999")

    found = fetch_missed_texts(sessions, ListingProvider(through_it, nobodys), reply_rules(), NOON)

    assert found == 1
    with sessions.begin() as db:
        assert db.scalars(select(Flag.level)).all() == [Level.EMERGENCY]


def test_a_clinic_without_a_sender_asks_for_nothing(sessions):
    with sessions.begin() as db:
        a_clinic(db, sender=None)
    provider = ListingProvider(a_text(1, "i cant breathe"))

    assert fetch_missed_texts(sessions, provider, reply_rules(), NOON) == 0
    assert provider.asked == []


def test_a_provider_that_breaks_off_is_asked_for_the_same_time_again(sessions):
    with sessions.begin() as db:
        a_clinic(db)
    provider = ListingProvider(a_text(1, "ok"), a_text(2, "i cant breathe"), broken=True)

    fetch_missed_texts(sessions, provider, reply_rules(), NOON)
    provider.broken = False
    fetch_missed_texts(sessions, provider, reply_rules(), NOON + timedelta(minutes=1))

    assert provider.asked[1] - provider.asked[0] == timedelta(minutes=1)
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(Reply)) == 2
        assert bookmark(db, BOOKMARK) == NOON + timedelta(minutes=1)


def minutes_later(number: int, body: str) -> ReceivedMessage:
    return replace(a_text(number, body), received_at=NOON + timedelta(minutes=number))


def opted_out(sessions) -> bool:
    with sessions() as db:
        return db.scalars(select(Address)).one().opted_out_at is not None


@pytest.mark.parametrize(
    ("first", "then", "stopped"), [("START", "STOP", True), ("STOP", "START", False)]
)
def test_what_a_patient_wrote_last_counts_in_a_list_with_the_newest_first(
    sessions, first, then, stopped
):
    with sessions.begin() as db:
        a_clinic(db)
    listed = ListingProvider(minutes_later(2, then), minutes_later(1, first))

    fetch_missed_texts(sessions, listed, reply_rules(), NOON + timedelta(minutes=3))

    assert opted_out(sessions) is stopped


def test_a_lost_start_does_not_undo_the_stop_that_came_after_it(sessions):
    with sessions.begin() as db:
        clinic = a_clinic(db)
        told = minutes_later(2, "STOP")
        receive(db, clinic, heard(told.body, told.ref, told.received_at), reply_rules())
    lost = ListingProvider(minutes_later(1, "START"))

    fetch_missed_texts(sessions, lost, reply_rules(), NOON + timedelta(minutes=3))

    assert opted_out(sessions)
    with sessions() as db:
        answers = db.scalars(select(Message.key).order_by(Message.created_at)).all()
    assert answers == ["stop"]


def heard(body: str, ref: str, at: datetime) -> Incoming:
    return builders.a_text(body, ref, at, sender_address=ANA)
