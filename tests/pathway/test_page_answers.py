"""What is written on a page joins the walk once, whoever else writes from the same phone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.triage.readings import Circumstances, Reading
from service.domain.triage.ticks import PageAnswer
from service.domain.values import Level
from service.pathway.page_answers import LinkNamesNothing, answer_check_in
from service.pathway.patient_page import report
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.patients import Address, Patient
from service.store.replies import Reply
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_patient, a_sent_checkin, a_session, rules_that_read


@pytest.fixture
def asked(sessions):
    """A check-in that Ana was sent, and Ana."""
    with sessions.begin() as db:
        patient = a_patient(db, a_clinic(db))
        return a_sent_checkin(db, a_session(db, patient), patient).id, patient.id


def test_the_same_answer_from_several_taps_at_once_counts_once(sessions, asked):
    checkin, _ = asked
    rules, answer = reply_rules(), PageAnswer(9, ("B",), "")

    def tap(_: int) -> None:
        with sessions.begin() as db:
            answer_check_in(db, checkin, answer, rules, NOON)

    with ThreadPoolExecutor(4) as taps:
        list(taps.map(tap, range(4)))

    with sessions() as db:
        assert len(db.scalars(select(Reply)).all()) == 1
        assert len(db.scalars(select(Flag)).all()) == 1


def test_a_tick_counts_even_when_triage_fails(sessions, asked):
    def fails(text: str, around: Circumstances) -> Reading:
        raise RuntimeError("broken rule file")

    checkin, _ = asked
    with sessions.begin() as db:
        answer_check_in(db, checkin, PageAnswer(2, ("A",), "hm"), rules_that_read(fails), NOON)

    with sessions() as db:
        [flag] = db.scalars(select(Flag)).all()
    assert flag.level is Level.EMERGENCY
    assert flag.categories[0] == "breathing"


def test_on_a_shared_phone_the_link_says_whose_answer_it_is(sessions, asked):
    checkin, ana = asked
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, db.get_one(Patient, ana).clinic_id)
        sibling = a_patient(db, clinic)
        a_sent_checkin(db, a_session(db, sibling), sibling)

    with sessions.begin() as db:
        answer_check_in(db, checkin, PageAnswer(8), reply_rules(), NOON)
        report(db, sibling.id, "my hand is numb", reply_rules(), NOON + timedelta(hours=1))

    with sessions() as db:
        replies = db.scalars(select(Reply).order_by(Reply.received_at)).all()
        assert [reply.patient_id for reply in replies] == [ana, sibling.id]


def test_after_erasure_a_link_takes_nothing(sessions, asked):
    checkin, ana = asked
    with sessions.begin() as db:
        patient = db.get_one(Patient, ana)
        db.get_one(Address, patient.phone_address_id).value = None

    with sessions.begin() as db, pytest.raises(LinkNamesNothing):
        answer_check_in(db, checkin, PageAnswer(1), reply_rules(), NOON)


def test_a_link_to_no_check_in_takes_nothing(sessions, asked):
    with sessions.begin() as db, pytest.raises(LinkNamesNothing):
        answer_check_in(db, new_id(), PageAnswer(1), reply_rules(), NOON)
