"""Loose ends: each sort says that there is none, or what to do; what staff do there holds."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import Channel, Level, MessageState, Role
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient, address_for
from service.store.replies import Reply
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_patient, a_session, a_text
from tests.pathway.make import a_flag
from tests.web.staff.browsing import a_person, form_token, send, sign_in

BETTER = "+17135550177"


@pytest.fixture
def ana(sessions, alex) -> tuple[UUID, UUID]:
    """A patient whose number takes no texts, with a check-in still planned, and the flag."""
    with sessions.begin() as db:
        patient = a_patient(db, db.get_one(Clinic, alex.clinic_id))
        session = a_session(db, patient)
        lost = a_message(
            db,
            session,
            patient,
            "checkin_48h",
            state=MessageState.UNDELIVERED,
            reason="This number is not in service.",
        )
        a_message(db, session, patient, "checkin_96h")
        flag = a_flag(db, patient, Level.ROUTINE)
        flag.kind, flag.categories, flag.message_id = "undelivered", ["checkin_48h"], lost.id
        return patient.id, flag.id


@pytest.fixture
def stranger(sessions, alex) -> UUID:
    """The flag of a text from a number that nobody has."""
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        text = a_text("its me, my arm is numb", "SM8", sender_address="+17135550199")
        receive(db, clinic, text, reply_rules())
        return db.scalars(select(Flag.id).where(Flag.patient_id.is_(None))).one()


def test_where_nothing_waits_each_sort_says_so(admin):
    page = admin.get("/waiting").text

    assert "Every text comes from a number that a patient has." in page
    assert "text waits for a name." in page
    assert "Everything we sent has arrived" in page
    assert "Everybody who was asked has answered" in page


def test_a_stranger_is_given_a_name(admin, sessions, stranger, ana):
    found = send(admin, "/waiting", f"/waiting/{stranger}/find", words="Ana")
    nobody = send(admin, "/waiting", f"/waiting/{stranger}/find", words="Zoe")
    named = send(admin, "/waiting", f"/waiting/{stranger}/named", patient_id=str(ana[0]))

    assert "It is Ana, number ends in 0111" in found.text
    assert "No patient of the clinic is found by that." in nobody.text
    assert "that patient" in named.text
    assert "Every text comes from a number" in named.text
    again = send(admin, "/waiting", f"/waiting/{stranger}/named", patient_id=str(ana[0]))
    assert again.status_code == 404
    with sessions() as db:
        reply, flag = db.scalars(select(Reply)).one(), db.get_one(Flag, stranger)
        assert reply.patient_id == flag.patient_id == ana[0]
        assert reply.session_id == flag.session_id is not None
        actions = db.scalars(select(AuditEntry.action)).all()
        assert {"call_list_read", "patients_searched", "sender_named"} <= set(actions)


def test_a_corrected_number_gets_what_is_still_planned(admin, sessions, ana):
    patient_id, flag_id = ana

    page = send(admin, "/waiting", f"/waiting/{flag_id}/number", phone="(713) 555-0177")

    assert "The number is corrected." in page.text
    with sessions() as db:
        patient = db.get_one(Patient, patient_id)
        address = db.get_one(Address, patient.phone_address_id)
        assert address.value == BETTER
        to = dict(db.execute(select(Message.key, Message.address_id)).all())
        assert to["checkin_96h"] == address.id
        assert to["checkin_48h"] != address.id
        audited = select(AuditEntry).where(AuditEntry.action == "number_corrected")
        assert BETTER not in str(db.scalars(audited).one().detail)


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        pytest.param("12", "is not a phone number", id="no number"),
        pytest.param("+17135550111", "the number that we have", id="the same"),
        pytest.param(BETTER, "takes no texts", id="opted out"),
    ],
)
def test_a_number_that_will_not_do_is_told_beside_the_field(
    admin, sessions, alex, ana, phone, said
):
    with sessions.begin() as db:
        other = address_for(db, alex.clinic_id, Channel.SMS, BETTER, NOON)
        other.opted_out_at, other.opted_out_by = NOON, "text"

    page = send(admin, "/waiting", f"/waiting/{ana[1]}/number", phone=phone)

    assert page.status_code == 422
    assert said in page.text
    assert 'aria-invalid="true"' in page.text
    with sessions() as db:
        patient = db.get_one(Patient, ana[0])
        assert db.get_one(Address, patient.phone_address_id).value == "+17135550111"


def test_loose_ends_are_the_clinics_own_and_for_its_admins(
    therapist, new_browser, sessions, stranger, ana
):
    with sessions.begin() as db:
        elsewhere = a_clinic(db, name="Third", sender="+12815550008")
        a_person(db, elsewhere, "lee@third.example", Role.ADMIN, name="Lee")
    lee = new_browser()
    sign_in(lee, "lee@third.example")

    assert therapist.get("/waiting").status_code == 403
    assert "arm is numb" not in lee.get("/waiting").text
    for path, fields in (
        (f"/waiting/{stranger}/named", {"patient_id": str(ana[0])}),
        (f"/waiting/{ana[1]}/number", {"phone": BETTER}),
        (f"/waiting/{uuid4()}/number", {"phone": BETTER}),
    ):
        assert send(lee, "/waiting", path, **fields).status_code == 404
        token = form_token(therapist.get("/search"))
        headers = {"Sec-Fetch-Site": "same-origin"}
        mine = therapist.post(path, data={"form_token": token} | fields, headers=headers)
        assert mine.status_code == 403
