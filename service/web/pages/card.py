"""The card: a therapist on the way out of the room puts a session on its aftercare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from sqlalchemy.orm import Session

from service.domain.contact import ContactError, parse_phone
from service.domain.page_words import load_page_words
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.values import HealthFlag, HeatIcePlan, Language, SessionState, TriggerPoints
from service.pathway.enrolment import enrol
from service.pathway.returning import Known, known_at, known_patient
from service.pathway.signing_in import SignedInStaff
from service.pathway.trial import try_out
from service.store.base import new_id
from service.store.clinics import Clinic
from service.web.deps import Db, Now
from service.web.pages.card_form import Card, card_for, check, check_for_trial, new_card
from service.web.pages.staff import SignedIn, draw_staff, go, staff_routes

_SOMEBODY_NEW = "new"
_UNDONE = "This card was undone. Save it again, and it counts anew."

CardForm = Annotated[Card, Form()]


def router() -> APIRouter:
    """Return the routes under `/today/new`; without script each button is one of them."""
    routes = staff_routes("/today/new")

    @routes.get("")
    def begin(
        request: Request, db: Db, staff: SignedIn, now: Now, patient: UUID | None = None
    ) -> Response:
        if patient is None:
            return _drawn(request, db, staff, new_card(new_id()), now)
        known = known_patient(db, staff.clinic_id, patient, by=staff.name, now=now)
        return _drawn(request, db, staff, card_for(known, new_id()), now, filled=known)

    @routes.post("")
    def save(request: Request, db: Db, staff: SignedIn, now: Now, card: CardForm) -> Response:
        checked = check(card, ZoneInfo(staff.clinic.time_zone), now)
        if checked.session is None:
            return _drawn(request, db, staff, card, now, wrong=checked.wrong)
        session = enrol(db, staff.clinic, checked.session, by=staff.name, now=now)
        if session.state is SessionState.CANCELLED:
            again = card.model_copy(update={"card_id": str(new_id())})
            return _drawn(request, db, staff, again, now, wrong={"card_id": _UNDONE})
        return go(f"/patients/{session.patient_id}")

    @routes.post("/look-up")
    def look_up(
        request: Request,
        db: Db,
        staff: SignedIn,
        now: Now,
        card: CardForm,
        known: Annotated[str, Form()] = "",
    ) -> Response:
        people, wrong = _at_number(db, staff, card, now)
        chosen = _chosen(people, known, card)
        if chosen is not None:
            filled = card_for(chosen, new_id())
            return _drawn(request, db, staff, filled, now, filled=chosen, known=people)
        if known == _SOMEBODY_NEW:
            card = new_card(new_id()).model_copy(update={"phone": card.phone})
            people = []
        looked = not wrong and known != _SOMEBODY_NEW
        return _drawn(request, db, staff, card, now, known=people, wrong=wrong, looked=looked)

    @routes.post("/known")
    def offer(request: Request, db: Db, staff: SignedIn, now: Now, card: CardForm) -> Response:
        people, wrong = _at_number(db, staff, card, now)
        return draw_staff(request, "_known", staff, known=people, looked=not wrong, filled=None)

    @routes.post("/show")
    def show(request: Request, db: Db, staff: SignedIn, now: Now, card: CardForm) -> Response:
        return _drawn(request, db, staff, card, now)

    @routes.post("/texts")
    def texts(request: Request, db: Db, staff: SignedIn, now: Now, card: CardForm) -> Response:
        return draw_staff(request, "_texts", staff, **_tried(db, staff, card, now))

    return routes


def _at_number(
    db: Session, staff: SignedInStaff, card: Card, now: datetime
) -> tuple[list[Known], dict[str, str]]:
    """Return who is known at the card's number, and what is wrong with the number."""
    try:
        phone = parse_phone(card.phone)
    except ContactError as error:
        return [], {"phone": f"This {error}."}
    return known_at(db, staff.clinic_id, phone, by=staff.name, now=now), {}


def _chosen(people: Sequence[Known], known: str, card: Card) -> Known | None:
    """Return whom a button named, or the only one at the number while no name is typed."""
    for one in people:
        if str(one.patient.id) == known:
            return one
    nothing_typed = not known and not card.first_name.strip()
    return people[0] if len(people) == 1 and nothing_typed else None


def _tried(db: Session, staff: SignedInStaff, card: Card, now: datetime) -> dict[str, Any]:
    """Return what the texts' part of the page shows: the plan, or what is missing for one."""
    checked = check_for_trial(card, ZoneInfo(staff.clinic.time_zone), now)
    trial = (
        try_out(db, staff.clinic, checked.session, by=staff.name, now=now)
        if checked.session
        else None
    )
    return {"trial": trial, "missing": checked.wrong}


def _consent(card: Card, clinic: Clinic) -> dict[str, str]:
    """Return what the patient agrees to, in the patient's language, as it is kept."""
    known = [one.value for one in Language]
    language = Language(card.language) if card.language in known else Language.EN
    words, slots = load_page_words(CURRENT_VERSION), {"clinic": clinic.name}
    return {
        what: words.say(f"consent_{what}", language, slots) for what in ("sms", "email", "details")
    }


def _drawn(
    request: Request,
    db: Session,
    staff: SignedInStaff,
    card: Card,
    now: datetime,
    *,
    wrong: Mapping[str, str] | None = None,
    known: Sequence[Known] = (),
    filled: Known | None = None,
    looked: bool = False,
) -> Response:
    regions = load_protocol(CURRENT_VERSION).regions
    return draw_staff(
        request,
        "card",
        staff,
        status=422 if wrong else 200,
        card=card,
        wrong=wrong or {},
        known=known,
        filled=filled,
        looked=looked,
        regions=[code for code in regions if code != "generic"],
        languages=[one.value for one in Language],
        levels=[one.value for one in TriggerPoints],
        plans=[one.value for one in HeatIcePlan if one is not HeatIcePlan.UNSET],
        health_flags=[one.value for one in HealthFlag],
        consent=_consent(card, staff.clinic),
        **_tried(db, staff, card, now),
    )
