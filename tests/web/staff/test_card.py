"""The card: ten taps for who was here before, twenty for who is new, and nothing typed is lost."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.domain.values import Channel, Language, MessageState, SessionState
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Address, Consent, Patient
from service.store.sessions import TreatmentSession
from tests.make import a_clinic
from tests.pathway.builders import a_patient
from tests.web.staff.form import form_of

TYPED = "713 555 0111"


def a_card(browser):
    return form_of(browser, "/today/new", "card")


def filled(browser, name="Ana"):
    """A card for a new patient, up to the button."""
    return (
        a_card(browser)
        .type(phone=TYPED)
        .type(first_name=name)
        .tap("regions", "upper_trap")
        .tap("pain", "6")
        .tap("consent_sms", "yes")
    )


def stored(sessions, table):
    with sessions() as db:
        return db.scalars(select(table).order_by(table.id)).all()


def test_a_new_patient_takes_twenty_taps_at_most(therapist, sessions):
    card = (
        filled(therapist)
        .tap("language", "es")
        .tap("regions", "neck")
        .tap("trigger_points", "high")
        .tap("plan", "heat")
        .tap("health_flags", "blood_thinner")
        .tap("consent_email", "yes")
        .tap("consent_details", "yes")
        .type(email="ana@example.com")
        .send("/today/new")
    )

    assert card.taps <= 20
    [session] = stored(sessions, TreatmentSession)
    [patient] = stored(sessions, Patient)
    assert card.page.url.path == f"/patients/{patient.id}"
    assert (session.regions, session.baseline_pain) == (["upper_trap", "neck"], 6)
    assert (session.first_session, session.plan.value) == (True, "heat")
    assert (patient.first_name, patient.language) == ("Ana", Language.ES)
    assert patient.health_flags == ["blood_thinner"]
    [consent] = stored(sessions, Consent)
    assert (consent.sms, consent.email, consent.details) == (True, True, True)
    assert consent.recorded_by == "Sam Nguyen"


def test_a_returning_patient_takes_ten_taps_at_most(therapist, sessions):
    filled(therapist).tap("consent_details", "yes").send("/today/new")

    card = a_card(therapist).type(phone=TYPED).send("/today/new/look-up")
    card = card.tap("pain", "4").send("/today/new")

    assert card.taps <= 10
    first, second = stored(sessions, TreatmentSession)
    assert first.patient_id == second.patient_id
    assert (second.regions, second.baseline_pain) == (["upper_trap"], 4)
    assert second.first_session is False


def test_a_known_number_fills_in_the_rest_and_asks_the_pain_anew(therapist):
    filled(therapist).tap("plan", "ice").send("/today/new")

    card = a_card(therapist).type(phone=TYPED).send("/today/new/look-up")

    assert card.one("first_name") == "Ana"
    assert card.all("regions") == ["upper_trap"]
    assert (card.one("plan"), card.one("consent_sms")) == ("ice", "yes")
    assert card.one("pain") is None
    assert card.one("first_session") is None


def test_family_members_on_one_number_are_offered(therapist):
    filled(therapist).send("/today/new")
    filled(therapist, name="Mai").send("/today/new")

    card = a_card(therapist).type(phone=TYPED).send("/today/new/look-up")

    assert "Ana" in card.page.text
    assert "Mai" in card.page.text
    assert card.one("first_name") == ""


def test_one_of_the_family_is_chosen_with_one_tap(therapist, sessions):
    filled(therapist).send("/today/new")
    filled(therapist, name="Mai").send("/today/new")
    ana, mai = sorted(stored(sessions, Patient), key=lambda one: one.first_name)

    card = a_card(therapist).type(phone=TYPED)
    card = card.send("/today/new/look-up", known=str(mai.id))

    assert card.one("first_name") == "Mai"
    assert ana.phone_address_id == mai.phone_address_id


def test_somebody_new_on_a_known_number_starts_empty(therapist):
    filled(therapist).send("/today/new")

    card = a_card(therapist).type(phone=TYPED).send("/today/new/look-up")
    card = card.send("/today/new/look-up", known="new")

    assert (card.one("phone"), card.one("first_name")) == ("(713) 555-0111", "")
    assert card.all("regions") == []
    assert card.one("consent_sms") is None


def test_a_typed_name_is_not_written_over_by_a_look_up(therapist):
    filled(therapist).send("/today/new")

    card = filled(therapist, name="Luz").send("/today/new/look-up")

    assert card.one("first_name") == "Luz"
    assert card.one("pain") == "6"


def test_another_clinics_patient_is_not_known_here(therapist, sessions):
    with sessions.begin() as db:
        a_patient(db, a_clinic(db, name="Other", sender="+12815550001"))

    card = a_card(therapist).type(phone=TYPED).send("/today/new/look-up")

    assert card.one("first_name") == ""
    assert "Nobody is known at this number" in card.page.text


WRONG = [
    pytest.param({"phone": "12"}, "phone", "is not a phone number", id="a number"),
    pytest.param({"phone": ""}, "phone", "Type the number", id="no number"),
    pytest.param({"first_name": " "}, "first_name", "first name", id="no name"),
    pytest.param({"email": "ana@"}, "email", "is not an email address", id="an address"),
    pytest.param({"regions": []}, "regions", "Choose where", id="no region"),
    pytest.param({"regions": ["tail"]}, "regions", "Choose where", id="a region there is not"),
    pytest.param({"pain": "11"}, "pain", "from 0 to 10", id="a pain beyond the scale"),
    pytest.param({"plan": "fire"}, "plan", "Choose one", id="a plan there is not"),
    pytest.param({"consent_sms": ""}, "consent_sms", "Ask the patient", id="no consent"),
    pytest.param({"consent_email": "yes"}, "email", "Type the address", id="email, no address"),
    pytest.param({"ended_at": "soon"}, "ended_at", "not a date", id="no time"),
    pytest.param({"ended_at": "2026-03-09T12:00"}, "ended_at", "more than a day", id="next week"),
    pytest.param({"ended_at": "2025-03-09T12:00"}, "ended_at", "30 days", id="last year"),
    pytest.param({"move_plan": "x" * 201}, "move_plan", "under 200", id="a novel"),
]


@pytest.mark.parametrize(("change", "field", "told"), WRONG)
def test_what_is_wrong_is_said_beside_its_field_and_all_is_kept(
    therapist, sessions, change, field, told
):
    card = filled(therapist).type(move_plan="swim slowly")
    for name, given in change.items():
        card.values = [(one, old) for one, old in card.values if one != name]
        values = given if isinstance(given, list) else [given]
        card.values += [(name, value) for value in values if value]

    again = card.send("/today/new")

    assert again.page.status_code == 422
    line = again.page.text.split(f'id="{field}-wrong"')[1].split("</p>")[0]
    assert told in line
    kept = {"phone": TYPED, "first_name": "Ana", "pain": "6", "move_plan": "swim slowly"}
    for name, value in kept.items():
        if name not in change:
            assert again.one(name) == value
    assert stored(sessions, TreatmentSession) == []


def test_what_is_typed_is_shown_and_never_run(therapist):
    card = filled(therapist, name='<script>alert("x")</script>').type(move_plan='"><img src=x>')

    for page in (
        card.send("/today/new/show").page,
        card.send("/today/new/texts").page,
        card.send("/today/new").page,
    ):
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
    assert "&lt;script&gt;" in therapist.get("/today").text


def test_a_card_sent_twice_is_one_session(therapist, sessions):
    card = filled(therapist)

    card.send("/today/new")
    card.send("/today/new")

    assert len(stored(sessions, TreatmentSession)) == 1


def test_the_texts_are_shown_with_local_times_before_anything_is_stored(therapist, sessions):
    texts = filled(therapist).send("/today/new/texts").page.text

    assert "Check-in, day 2" in texts
    assert "Thu Mar 5, 12:00 PM" in texts
    assert "Bayou Needling" in texts
    assert "will not be sent, and why" in texts
    for table in (TreatmentSession, Patient, Message, Address, Consent):
        assert stored(sessions, table) == []
    assert "enrolled" not in [one.action for one in stored(sessions, AuditEntry)]


def test_the_texts_need_no_name_number_or_consent_yet(therapist):
    texts = a_card(therapist).tap("regions", "low_back").send("/today/new/texts").page.text

    assert "Check-in, day 2" in texts


def test_without_a_region_the_preview_says_what_it_waits_for(therapist):
    texts = a_card(therapist).send("/today/new/texts").page.text

    assert "Choose where was needled" in texts


def test_consent_is_read_in_the_patients_language(therapist):
    card = a_card(therapist).tap("language", "es").send("/today/new/show")

    assert "Acepto recibir mensajes de texto de Bayou Needling" in card.page.text


def test_email_alone_is_enough(therapist, sessions):
    card = a_card(therapist).type(first_name="Ana", email="ana@example.com")
    card.tap("regions", "thigh").tap("consent_email", "yes").send("/today/new")

    [patient] = stored(sessions, Patient)
    assert patient.channel is Channel.EMAIL
    assert {one.channel for one in stored(sessions, Message)} == {Channel.EMAIL}


def test_an_end_in_the_past_is_by_the_clinics_clock(therapist, sessions, clock):
    filled(therapist).type(ended_at="2026-03-03T09:30").send("/today/new")

    [session] = stored(sessions, TreatmentSession)
    assert clock.now - session.ended_at == timedelta(hours=2, minutes=30)


def saved(therapist, sessions):
    filled(therapist).send("/today/new")
    return stored(sessions, TreatmentSession)[-1]


def undo(therapist, session):
    page = form_of(therapist, f"/patients/{session.patient_id}", "none").page
    token = page.text.split('name="form_token" value="')[1].split('"')[0]
    return therapist.post(f"/sessions/{session.id}/undo", data={"form_token": token})


def test_a_saved_card_can_be_undone_for_five_minutes(therapist, sessions, clock):
    session = saved(therapist, sessions)
    assert "Undo, until 12:05 PM" in therapist.get(f"/patients/{session.patient_id}").text

    page = undo(therapist, session)

    assert "Nothing had been sent" in page.text
    [session] = stored(sessions, TreatmentSession)
    assert session.state is SessionState.CANCELLED
    assert MessageState.PLANNED not in {one.state for one in stored(sessions, Message)}


def test_after_five_minutes_the_card_is_cancelled_and_not_undone(therapist, sessions, clock):
    session = saved(therapist, sessions)
    clock.now += timedelta(minutes=5)

    page = undo(therapist, session)

    assert page.status_code == 409
    assert "The five minutes are over" in page.text
    assert stored(sessions, TreatmentSession)[0].state is SessionState.ACTIVE


def test_undo_says_what_went_out_already(therapist, sessions):
    session = saved(therapist, sessions)
    with sessions.begin() as db:
        welcome = db.scalars(select(Message).where(Message.key == "welcome")).one()
        welcome.state, welcome.reason = MessageState.ACCEPTED, "Taken by the provider."

    page = undo(therapist, session)

    assert "cannot be called back" in page.text
    assert "Welcome, by text" in page.text


def test_undo_goes_on_with_the_session_before(therapist, sessions, clock):
    first = saved(therapist, sessions)
    clock.now += timedelta(minutes=10)
    second = saved(therapist, sessions)
    with sessions() as db:
        planned = select(func.count()).where(
            Message.session_id == first.id, Message.state == MessageState.PLANNED
        )
        assert db.scalar(planned) == 0

    page = undo(therapist, second)

    assert "of the session before are planned again" in page.text
    with sessions() as db:
        assert db.get_one(TreatmentSession, first.id).state is SessionState.ACTIVE
        assert db.scalar(planned) > 0


def test_an_undone_card_that_is_saved_again_says_so_and_then_counts(therapist, sessions):
    card = filled(therapist)
    card.send("/today/new")
    undo(therapist, stored(sessions, TreatmentSession)[0])

    again = card.send("/today/new")
    assert "This card was undone" in again.page.text
    again.send("/today/new")

    states = [one.state for one in stored(sessions, TreatmentSession)]
    assert states == [SessionState.CANCELLED, SessionState.ACTIVE]


def test_whoever_was_looked_up_is_in_the_audit(therapist, sessions):
    filled(therapist).send("/today/new")
    a_card(therapist).type(phone=TYPED).send("/today/new/look-up")

    [patient] = stored(sessions, Patient)
    read = [one for one in stored(sessions, AuditEntry) if one.action == "patient_read"]
    assert {one.subject for one in read} == {f"patient:{patient.id}"}
    assert {one.actor for one in read} == {"Sam Nguyen"}
    assert "card" in {one.detail["on"] for one in read}


def test_a_clinics_times_are_its_own(therapist, sessions, sam):
    with sessions.begin() as db:
        db.get_one(Clinic, sam.clinic_id).time_zone = "America/New_York"

    texts = filled(therapist).send("/today/new/texts").page.text

    assert "Thu Mar 5, 1:00 PM" in texts
