"""What the provider reports ends in the same row, in whatever order it comes."""

from itertools import permutations

import pytest
from sqlalchemy import func, select

from service.domain.values import MessageKind, MessageState
from service.pathway.receipts import record_receipt
from service.store.flags import Flag
from service.store.patients import Address
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address


def a_sent(db, **details):
    clinic = a_clinic(db)
    given = {"state": MessageState.ACCEPTED, "reason": "taken", "provider_ref": "SM1"}
    return a_message(db, clinic, an_address(db, clinic), **(given | details))


def report(db, message, status, code=None, ref="SM1"):
    return record_receipt(db, message.id, ref, status, code, NOON)


@pytest.mark.parametrize("order", list(permutations(["queued", "sending", "sent", "delivered"])))
def test_any_order_of_reports_ends_delivered(sessions, order):
    with sessions.begin() as db:
        message = a_sent(db)

        for status in (*order, *order):
            report(db, message, status)

        assert message.state is MessageState.DELIVERED
        assert message.delivered_at == NOON


def test_a_report_proves_that_an_unknown_send_was_taken(sessions):
    with sessions.begin() as db:
        message = a_sent(db, state=MessageState.UNKNOWN, provider_ref=None, ask_at=NOON)

        assert report(db, message, "sent")

        assert (message.state, message.provider_ref) == (MessageState.ACCEPTED, "SM1")
        assert message.ask_at is None


def test_a_check_in_that_did_not_arrive_becomes_one_task(sessions):
    with sessions.begin() as db:
        message = a_sent(db, kind=MessageKind.CHECKIN)

        report(db, message, "undelivered", 30003)
        report(db, message, "undelivered", 30003)
        db.flush()

        assert message.state is MessageState.UNDELIVERED
        assert db.scalars(select(Flag.kind)).all() == ["undelivered"]


def test_a_tip_that_did_not_arrive_bothers_nobody(sessions):
    with sessions.begin() as db:
        report(db, a_sent(db, kind=MessageKind.TIP, key="hydrate"), "undelivered", 30003)
        db.flush()

        assert db.scalar(select(func.count()).select_from(Flag)) == 0


def test_a_landline_is_remembered(sessions):
    with sessions.begin() as db:
        message = a_sent(db)

        report(db, message, "undelivered", 30006)

        assert db.get_one(Address, message.address_id).landline_at == NOON


def test_a_report_on_another_text_changes_nothing(sessions):
    with sessions.begin() as db:
        message = a_sent(db)

        assert not report(db, message, "delivered", ref="SM2")
        assert message.state is MessageState.ACCEPTED


def test_a_cancelled_message_stays_cancelled(sessions):
    with sessions.begin() as db:
        message = a_sent(db, state=MessageState.CANCELLED, provider_ref=None)

        assert not report(db, message, "delivered")
