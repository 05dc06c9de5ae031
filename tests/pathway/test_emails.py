"""Emails go out as approved: from the clinic, to be answered, to be ended with one click."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from service.domain.values import Channel, Language, MessageKind, MessageState
from service.gateways.not_set_up import NotSetUp
from service.gateways.ports import Gateway
from service.gateways.smtp_email import SmtpGateway, relay_at
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher
from service.pathway.lateness import judge_again
from service.pathway.links import Links
from service.sandbox.mailbox import Mailbox
from service.store.engine import Sessions
from service.store.flags import Flag
from tests.conftest import SECRET
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address, stored

PUBLIC_URL = "https://care.example"
LINKS = Links(PUBLIC_URL, [SECRET])


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox(lambda: NOON)
    mailbox.start()
    yield mailbox
    mailbox.stop()


def planned(sessions: Sessions, *, clinic: dict[str, Any] | None = None, **details: Any) -> UUID:
    """An email that is due: the day-2 check-in, unless the test says otherwise."""
    with sessions.begin() as db:
        of = a_clinic(db, **(clinic or {}))
        address = an_address(db, of, "ana@example.com", channel=Channel.EMAIL)
        return a_message(db, of, address, channel=Channel.EMAIL, **details).id


def send(sessions: Sessions, gateway: Gateway) -> int:
    dispatcher = Dispatcher(
        sessions,
        {Channel.EMAIL: gateway},
        now=lambda: NOON,
        compose=composer(PUBLIC_URL, lambda: NOON, LINKS),
        rejudge=judge_again,
    )
    return asyncio.run(_send(dispatcher, gateway))


async def _send(dispatcher: Dispatcher, gateway: Gateway) -> int:
    try:
        return await dispatcher.send_what_is_due()
    finally:
        await gateway.close()


def relayed(mailbox: Mailbox) -> SmtpGateway:
    return SmtpGateway(relay_at(mailbox.url), lambda: NOON)


def test_a_check_in_arrives_with_the_patients_own_links(sessions: Sessions, mailbox: Mailbox):
    message_id = planned(sessions)

    assert send(sessions, relayed(mailbox)) == 1

    [mail] = mailbox.mails()
    row = stored(sessions, message_id)
    assert (mail.recipient, mail.subject) == ("ana@example.com", "Quick check-in (1 minute)")
    assert mail.sender == "Bayou Needling <care@bayou.example>"
    assert mail.header("Reply-To") == "care@bayou.example"
    assert mail.header("Message-ID") == f"<{message_id}@bayou.example>" == row.provider_ref
    assert LINKS.check_in_url(message_id) in mail.links
    unsubscribe = LINKS.unsubscribe_url(row.address_id)
    assert mail.header("List-Unsubscribe") == f"<{unsubscribe}>"
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert LINKS.check_in_url(message_id) in (mail.html or "")
    assert row.state is MessageState.ACCEPTED


def test_what_a_patient_sees_of_an_email_is_decided_by_the_plan(
    sessions: Sessions, mailbox: Mailbox
):
    slots = {"heat_ice": "ice_only", "fluid_limit": "yes", "chest": "yes"}
    planned(
        sessions,
        key="email_day0",
        wording="email_day0",
        kind=MessageKind.TIP,
        language=Language.ES,
        slots=slots,
    )

    send(sessions, relayed(mailbox))

    [mail] = mailbox.mails()
    assert mail.subject == "Una nota después de su visita"
    assert "límite de líquidos" in mail.text
    assert "hielo envuelto" in mail.text
    assert "911" in mail.text


def test_a_notice_to_staff_leads_into_the_service_and_cannot_be_unsubscribed(
    sessions: Sessions, mailbox: Mailbox
):
    planned(
        sessions,
        key="notice_urgent",
        wording="notice_urgent",
        kind=MessageKind.NOTICE,
        slots={"callby": NOON.isoformat()},
    )

    send(sessions, relayed(mailbox))

    [mail] = mailbox.mails()
    assert mail.header("List-Unsubscribe") is None
    assert mail.links == (PUBLIC_URL,)


def test_a_name_with_quotes_and_accents_is_shown_as_it_is(sessions: Sessions, mailbox: Mailbox):
    planned(sessions, clinic={"name": 'Clínica "Bayou", Houston'})

    send(sessions, relayed(mailbox))

    [mail] = mailbox.mails()
    assert "Clínica Bayou, Houston" in mail.sender
    assert "care@bayou.example" in mail.sender


def test_without_a_mail_server_a_check_in_says_so_and_becomes_a_call(sessions: Sessions):
    message_id = planned(sessions)

    send(sessions, NotSetUp("Not sent: no mail server is set up for emails."))

    row = stored(sessions, message_id)
    assert row.state is MessageState.REFUSED
    assert row.reason == "Not sent: no mail server is set up for emails."
    with sessions() as db:
        [flag] = db.query(Flag).all()
    assert flag.message_id == message_id
    assert "no mail server" in flag.reason


def test_a_clinic_without_an_address_of_its_own_sends_no_email(
    sessions: Sessions, mailbox: Mailbox
):
    message_id = planned(sessions, clinic={"email_from": None})

    send(sessions, relayed(mailbox))

    assert mailbox.mails() == []
    row = stored(sessions, message_id)
    assert row.state is MessageState.REFUSED
    assert row.reason == "Not sent: the clinic has no address to send emails from."
