"""Retention: strangers' words go after 90 days, patients' never by themselves."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import Channel, FlagState
from service.pathway.forgetting import forget_outdated
from service.pathway.optouts import opt_out
from service.pathway.replies import receive
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.patients import Address, Patient, address_for
from service.store.replies import Reply
from service.store.sign_ins import Throttle
from service.store.workers import Worker, record_beat
from tests.make import NOON, a_clinic
from tests.pathway.builders import PHONE, a_patient, a_text

STRANGER = "+17135550999"
DAY = timedelta(days=1)


@pytest.fixture
def clinic(sessions) -> Clinic:
    with sessions.begin() as db:
        return a_clinic(db)


def write(sessions, clinic, phone, words, at=NOON):
    with sessions.begin() as db:
        incoming = a_text(words, f"SM{uuid4().hex}", at, sender_address=phone)
        return receive(db, db.get_one(Clinic, clinic.id), incoming, reply_rules())


def stored(sessions, table):
    with sessions() as db:
        return db.scalars(select(table)).all()


def close_flags(sessions):
    with sessions.begin() as db:
        for flag in db.scalars(select(Flag)):
            flag.state, flag.outcome, flag.closed_by = FlagState.CLOSED, "reached", "Kim"


def test_a_strangers_words_and_number_go_after_ninety_days(sessions, clinic):
    write(sessions, clinic, STRANGER, "is this the pizza place?")
    close_flags(sessions)

    early = forget_outdated(sessions, NOON + 89 * DAY)
    kept = stored(sessions, Reply)[0].body
    forget_outdated(sessions, NOON + 91 * DAY)

    [reply], [address] = stored(sessions, Reply), stored(sessions, Address)
    assert (early["strangers' words"], kept) == (0, "is this the pizza place?")
    assert (reply.body, reply.findings, address.value) == (None, None, None)
    assert reply.level is not None


def test_words_that_somebody_must_still_act_on_stay(sessions, clinic):
    write(sessions, clinic, STRANGER, "i cant breathe")

    forget_outdated(sessions, NOON + 400 * DAY)

    assert [reply.body for reply in stored(sessions, Reply)] == ["i cant breathe"]
    assert [address.value for address in stored(sessions, Address)] == [STRANGER]


def test_a_strangers_opt_out_outlives_the_number(sessions, clinic):
    write(sessions, clinic, STRANGER, "STOP")
    with sessions.begin() as db:
        address = address_for(db, clinic.id, Channel.SMS, STRANGER, NOON)
        opt_out(db, address, "text", NOON)
    close_flags(sessions)

    forget_outdated(sessions, NOON + 91 * DAY)
    blanked = stored(sessions, Address)[0].value
    with sessions.begin() as db:
        found = address_for(db, clinic.id, Channel.SMS, STRANGER, NOON + 92 * DAY)

    assert blanked is None
    assert found.opted_out_at == NOON
    assert not found.may_receive()


def test_a_patients_record_never_goes_by_itself(sessions, clinic):
    with sessions.begin() as db:
        a_patient(db, db.get_one(Clinic, clinic.id))
    write(sessions, clinic, PHONE, "2 all good")

    forget_outdated(sessions, NOON + 4000 * DAY)

    assert [patient.first_name for patient in stored(sessions, Patient)] == ["Ana"]
    assert [reply.body for reply in stored(sessions, Reply)] == ["2 all good"]
    assert [address.value for address in stored(sessions, Address)] == [PHONE]


def test_many_are_forgotten_piece_by_piece(sessions, clinic):
    with sessions.begin() as db:
        for number in range(450):
            key = number.to_bytes(4)
            db.add(Throttle(key=key, failures=1, last_at=NOON, free_at=NOON))

    gone = forget_outdated(sessions, NOON + 91 * DAY)

    assert gone["sign-ins"] == 450
    assert stored(sessions, Throttle) == []


def test_workers_that_are_gone_are_forgotten_and_those_at_work_are_not(sessions):
    dead, alive = uuid4(), uuid4()
    with sessions.begin() as db:
        record_beat(db, dead, "a:1", NOON)
        record_beat(db, alive, "b:2", NOON + 40 * DAY)

    forget_outdated(sessions, NOON + 40 * DAY)

    assert [worker.id for worker in stored(sessions, Worker)] == [alive]
