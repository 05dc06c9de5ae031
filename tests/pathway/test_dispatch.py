"""Dispatch: every due message is handed over once, on time, and what came of it is written."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.domain.values import Channel, MessageKind, MessageState, Role
from service.gateways.ports import Outgoing
from service.pathway.administration import create_staff, resume_sending
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.optouts import lock_address, opt_out
from service.pathway.rounds import Composed
from service.store.claims import Claim, SendingClinic
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.outcomes import expire_leases
from service.store.patients import Address
from tests.doubles import RecordingGateway, RunningClock
from tests.make import NOON, a_clinic
from tests.pathway.make import a_message, an_address, stored


def compose(claim: Claim, clinic: SendingClinic) -> Composed:
    text = f"{clinic.name}: {claim.wording}"
    sender = clinic.email_from if claim.channel is Channel.EMAIL else clinic.sender
    assert sender is not None
    return Composed(Outgoing(claim.id, claim.channel, sender, claim.recipient, text), 1)


def skip(db: Session, message: Message, now: datetime) -> None:
    message.state, message.reason = MessageState.SKIPPED, "too late to be useful"


def a_dispatcher(sessions: Sessions, gateway: RecordingGateway, **details: Any) -> Dispatcher:
    given: dict[str, Any] = {"now": RunningClock(NOON), "compose": compose, "rejudge": skip}
    return Dispatcher(sessions, {Channel.SMS: gateway}, **(given | details))


def planned(sessions: Sessions, count: int = 1, **details: Any) -> list[UUID]:
    with sessions.begin() as db:
        clinic = a_clinic(db, segments_per_second=10_000.0)
        address = an_address(db, clinic)
        return [a_message(db, clinic, address, **details).id for _ in range(count)]


def send_all(sessions: Sessions, gateway: RecordingGateway, **details: Any) -> int:
    return asyncio.run(a_dispatcher(sessions, gateway, **details).send_what_is_due())


def answering(outcome: Outcome) -> RecordingGateway:
    return RecordingGateway(answer=lambda _: outcome)


def test_a_due_message_is_handed_over_and_written_down(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    gateway = RecordingGateway()
    assert send_all(sessions, gateway) == 1
    [outgoing] = gateway.sent
    assert (outgoing.recipient, outgoing.text) == (
        "+12815550123",
        "Bayou Needling: checkin_48h",
    )
    assert 8 * 3600 - 60 < (outgoing.valid_for or 0) <= 8 * 3600
    assert outgoing.sent_by is not None
    row = stored(sessions, message_id)
    assert (row.state, row.reason, row.provider_status, row.segments) == (
        MessageState.ACCEPTED,
        "The provider has taken it.",
        "queued",
        1,
    )
    assert row.provider_ref == f"SM{message_id.hex}"
    assert row.sent_at is not None


def test_a_message_is_sent_at_its_time_and_not_before(sessions: Sessions) -> None:
    planned(sessions, send_at=NOON + timedelta(milliseconds=300))
    clock = RunningClock(NOON)
    sent_at = []

    def note(outgoing: Outgoing) -> Outcome:
        sent_at.append(clock())
        return Accepted("SM1", "queued")

    send_all(sessions, RecordingGateway(answer=note), now=clock)
    assert sent_at[0] >= NOON + timedelta(milliseconds=300)


def test_two_dispatchers_at_once_send_each_message_once(sessions: Sessions) -> None:
    ids = planned(sessions, 150)
    gateways = [RecordingGateway(), RecordingGateway()]

    def work(gateway: RecordingGateway) -> None:
        async def until_sent() -> None:
            dispatcher = a_dispatcher(sessions, gateway, tempo=Tempo(slots=20, look_every=0.02))
            running = asyncio.create_task(dispatcher.run())
            while await asyncio.to_thread(how_many, sessions, MessageState.ACCEPTED) < len(ids):
                await asyncio.sleep(0.01)
            dispatcher.stop()
            await running

        asyncio.run(asyncio.wait_for(until_sent(), 30))

    workers = [threading.Thread(target=work, args=(gateway,)) for gateway in gateways]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Counter(gateways[0].ids() + gateways[1].ids()) == Counter(ids)
    assert max(gateway.most_at_once for gateway in gateways) <= 20


def test_nothing_is_sent_after_a_stop(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    with sessions.begin() as db:
        for address in db.scalars(select(Address)):
            address.opted_out_at, address.opted_out_by = NOON, "text"
    gateway = RecordingGateway()
    assert send_all(sessions, gateway) == 0
    assert gateway.sent == []
    assert stored(sessions, message_id).state is MessageState.PLANNED


def test_stopping_waits_for_what_is_on_the_wire_and_writes_it_down(sessions: Sessions) -> None:
    [message_id] = planned(sessions)

    async def stop_while_sending() -> None:
        gateway = RecordingGateway(gate=asyncio.Event())
        dispatcher = a_dispatcher(sessions, gateway)
        running = asyncio.create_task(dispatcher.run())
        await gateway.reached.wait()
        dispatcher.stop()
        await asyncio.sleep(0)
        assert not running.done()
        assert gateway.gate is not None
        gateway.gate.set()
        await running

    asyncio.run(asyncio.wait_for(stop_while_sending(), 10))
    assert stored(sessions, message_id).state is MessageState.ACCEPTED


def test_a_send_that_outlives_its_lease_overwrites_nothing(sessions: Sessions) -> None:
    [message_id] = planned(sessions)

    async def return_late() -> None:
        gateway = RecordingGateway(gate=asyncio.Event())
        dispatcher = a_dispatcher(sessions, gateway)
        sending = asyncio.create_task(dispatcher.send_what_is_due())
        await gateway.reached.wait()
        with sessions.begin() as db:
            expire_leases(db, NOON + timedelta(hours=1), timedelta(seconds=120))
        assert gateway.gate is not None
        gateway.gate.set()
        await sending
        assert len(gateway.sent) == 1

    asyncio.run(asyncio.wait_for(return_late(), 10))
    row = stored(sessions, message_id)
    assert (row.state, row.provider_ref) == (MessageState.UNKNOWN, None)


def test_an_unclear_send_is_asked_about_and_not_repeated(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    gateway = answering(Unclear("the connection was cut"))
    assert send_all(sessions, gateway) == 1
    assert send_all(sessions, gateway) == 0
    row = stored(sessions, message_id)
    assert row.state is MessageState.UNKNOWN
    assert row.ask_at is not None
    assert row.ask_at >= NOON + timedelta(seconds=120)


def test_a_gateway_that_breaks_may_have_sent_it(sessions: Sessions) -> None:
    [message_id] = planned(sessions)

    def breaks(_: Outgoing) -> Outcome:
        raise ValueError("not foreseen")

    send_all(sessions, RecordingGateway(answer=breaks))
    assert stored(sessions, message_id).state is MessageState.UNKNOWN


def test_a_provider_that_is_busy_is_tried_again_later(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    send_all(sessions, answering(Refused(20429, "too many requests", retry_after=30)))
    row = stored(sessions, message_id)
    assert row.state is MessageState.PLANNED
    assert row.send_at >= NOON + timedelta(seconds=30)
    assert row.attempts == 1


def test_a_refusal_for_a_while_after_an_opt_out_is_the_end(sessions: Sessions) -> None:
    [message_id] = planned(sessions)

    def wants_no_more(_: Outgoing) -> Outcome:
        with sessions.begin() as db:
            opt_out(db, lock_address(db, db.scalars(select(Address.id)).one()), "link", NOON)
        return Refused(20429, "too many requests", retry_after=30)

    send_all(sessions, RecordingGateway(answer=wants_no_more))
    row = stored(sessions, message_id)
    assert (row.state, row.reason) == (MessageState.CANCELLED, "opted out")


def test_a_later_try_that_would_be_too_late_is_a_refusal(sessions: Sessions) -> None:
    [message_id] = planned(sessions, send_before=NOON + timedelta(seconds=20))
    send_all(sessions, answering(Refused(20429, "too many requests", retry_after=30)))
    row = stored(sessions, message_id)
    assert (row.state, row.reason) == (
        MessageState.REFUSED,
        "The provider asked us to slow down.",
    )


def test_a_refused_message_is_not_tried_again(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    send_all(sessions, answering(Refused(21211, "not a number")))
    row = stored(sessions, message_id)
    assert (row.state, row.reason, row.error_code) == (
        MessageState.REFUSED,
        "This is not a phone number.",
        21211,
    )


def test_the_provider_knowing_of_an_opt_out_opts_the_address_out(sessions: Sessions) -> None:
    planned(sessions)
    send_all(sessions, answering(Refused(21610, "unsubscribed")))
    with sessions() as db:
        address = db.scalars(select(Address)).one()
    assert address.opted_out_by == "provider"
    assert address.opted_out_at is not None


def test_an_opt_out_at_the_provider_cancels_what_else_is_planned(sessions: Sessions) -> None:
    [_] = planned(sessions)
    with sessions.begin() as db:
        clinic, address = db.scalars(select(Clinic)).one(), db.scalars(select(Address)).one()
        tomorrow = NOON + timedelta(days=1)
        later = a_message(db, clinic, address, key="tip_72h", send_at=tomorrow).id
    send_all(sessions, answering(Refused(21610, "unsubscribed")))
    assert stored(sessions, later).state is MessageState.CANCELLED


def test_a_check_in_that_is_finally_refused_becomes_a_phone_task(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    send_all(sessions, answering(Refused(21211, "not a number")))
    with sessions() as db:
        flag = db.scalars(select(Flag)).one()
    assert (flag.message_id, flag.kind) == (message_id, "undelivered")
    assert "not a phone number" in flag.reason


def test_a_refused_sender_stops_the_clinic_and_keeps_its_messages(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    send_all(sessions, answering(Refused(20003, "wrong credentials")))
    with sessions() as db:
        clinic = db.scalars(select(Clinic)).one()
    assert clinic.sending_stopped_because == "The provider does not accept our password."
    assert stored(sessions, message_id).state is MessageState.PLANNED


def test_admins_learn_by_email_that_texts_have_stopped(sessions: Sessions) -> None:
    planned(sessions)
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        for role in (Role.ADMIN, Role.THERAPIST):
            email = f"{role}@bayou.example"
            create_staff(db, clinic, email=email, role=role, phone="+12815550177", now=NOON)
    texts, emails = answering(Refused(20003, "wrong credentials")), RecordingGateway()
    gateways = {Channel.SMS: texts, Channel.EMAIL: emails}
    dispatcher = Dispatcher(
        sessions, gateways, now=RunningClock(NOON), compose=compose, rejudge=skip
    )

    asyncio.run(dispatcher.send_what_is_due())

    assert [(one.recipient, one.text) for one in emails.sent] == [
        ("admin@bayou.example", "Bayou Needling: notice_stopped")
    ]
    assert len(texts.sent) == 1


def test_texts_go_out_again_once_somebody_resumes_them(sessions: Sessions) -> None:
    [message_id] = planned(sessions)
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        clinic.sending_stopped_at, clinic.sending_stopped_because = NOON, "no credit"
    assert send_all(sessions, RecordingGateway()) == 0

    with sessions.begin() as db:
        resume_sending(db, db.scalars(select(Clinic)).one(), NOON)
    send_all(sessions, RecordingGateway())

    assert stored(sessions, message_id).state is MessageState.ACCEPTED


def test_a_message_that_cannot_be_worded_does_not_hold_up_the_others(sessions: Sessions) -> None:
    [bad] = planned(sessions, wording="lost")
    with sessions.begin() as db:
        clinic = db.scalars(select(Clinic)).one()
        good = a_message(db, clinic, an_address(db, clinic)).id

    def compose_but_one(claim: Claim, of: Clinic) -> Composed:
        if claim.wording == "lost":
            raise KeyError(claim.wording)
        return compose(claim, of)

    gateway = RecordingGateway()
    send_all(sessions, gateway, compose=compose_but_one)
    assert gateway.ids() == [good]
    assert stored(sessions, bad).state is MessageState.REFUSED


def test_a_message_whose_window_passed_is_judged_again_and_not_sent(sessions: Sessions) -> None:
    early = NOON - timedelta(hours=2)
    [message_id] = planned(sessions, kind=MessageKind.TIP, send_at=early, send_before=early)
    gateway = RecordingGateway()
    send_all(sessions, gateway)
    assert gateway.sent == []
    row = stored(sessions, message_id)
    assert (row.state, row.reason) == (MessageState.SKIPPED, "too late to be useful")


def test_a_reply_goes_before_a_checkin_and_a_checkin_before_a_tip(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db, segments_per_second=10_000.0)
        address = an_address(db, clinic)
        kinds = (MessageKind.TIP, MessageKind.CHECKIN, MessageKind.REPLY)
        tip, checkin, reply = (a_message(db, clinic, address, kind=kind).id for kind in kinds)
    gateway = RecordingGateway()
    send_all(sessions, gateway, tempo=Tempo(slots=1))
    assert gateway.ids() == [reply, checkin, tip]


def test_a_busy_clinic_leaves_slots_to_another(sessions: Sessions) -> None:
    busy = planned(sessions, 20)
    with sessions.begin() as db:
        other = a_clinic(db, name="Small", sender="+12815550001", segments_per_second=10_000.0)
        small = a_message(db, other, an_address(db, other), send_at=NOON).id
    gateway = RecordingGateway()
    send_all(sessions, gateway, tempo=Tempo(slots=4))
    assert small in gateway.ids()[:4]
    assert len(gateway.sent) == len(busy) + 1


def test_a_sender_is_paced_to_what_the_carriers_let_pass(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db, segments_per_second=5.0)
        address = an_address(db, clinic)
        for _ in range(4):
            a_message(db, clinic, address)
    clock = RunningClock(NOON)
    sent_at = []

    def note(outgoing: Outgoing) -> Outcome:
        sent_at.append(clock())
        return Accepted(f"SM{outgoing.id.hex}", "queued")

    send_all(sessions, RecordingGateway(answer=note), now=clock)
    assert [at >= NOON + timedelta(seconds=n / 5) for n, at in enumerate(sent_at)] == [True] * 4


def how_many(sessions: Sessions, state: MessageState) -> int:
    with sessions() as db:
        counted = select(func.count()).select_from(Message).where(Message.state == state)
        return db.scalars(counted).one()
