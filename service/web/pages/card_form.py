"""The card as it was typed: what is wrong with it, and the session that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from service.domain.contact import ContactError, parse_email, parse_phone, spoken_phone
from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.time_zones import time_zone_names
from service.domain.values import (
    Channel,
    Consents,
    HealthFlag,
    HeatIcePlan,
    Language,
    TriggerPoints,
)
from service.pathway.enrolment import NewPatient, NewSession
from service.pathway.returning import Known

SOURCE = "card:"
"""A card's session is known by this and the card's own id: saved twice, it is there once."""

_FURTHEST_AHEAD = timedelta(days=1)
_LONGEST_AGO = timedelta(days=30)
_NOBODY = "+10000000000"
"""No phone has this number: it stands in a trial for one that is not typed yet."""


class Card(BaseModel):
    """Every field as the browser sends it; anything may be missing or wrong."""

    card_id: str = ""
    phone: str = ""
    first_name: str = ""
    language: str = Language.EN.value
    time_zone: str = ""
    email: str = ""
    channel: str = Channel.SMS.value
    regions: list[str] = []
    pain: str = ""
    first_session: str = ""
    trigger_points: str = TriggerPoints.LOW.value
    plan: str = HeatIcePlan.UNSET.value
    move_plan: str = ""
    health_flags: list[str] = []
    guardian: str = ""
    consent_sms: str = ""
    consent_email: str = ""
    consent_details: str = ""
    ended_at: str = ""


@dataclass(frozen=True)
class Checked:
    """What a card comes to: a session, or the fields that must change and how."""

    session: NewSession | None
    wrong: Mapping[str, str]


def new_card(card_id: UUID) -> Card:
    """Return an empty card: a new patient's first session."""
    return Card(card_id=str(card_id), first_session="yes")


def card_for(known: Known, card_id: UUID) -> Card:
    """Return a card with what is known of a patient; what was done today is for the therapist."""
    patient, consent, last = known.patient, known.consent, known.last
    card = Card(
        card_id=str(card_id),
        phone=spoken_phone(known.phone) if known.phone else "",
        first_name=patient.first_name or "",
        language=patient.language.value,
        time_zone=patient.time_zone or "",
        email=known.email or "",
        channel=patient.channel.value,
        health_flags=list(patient.health_flags or ()),
        guardian="yes" if patient.guardian else "",
        consent_sms="yes" if consent and consent.sms else "",
        consent_email="yes" if consent and consent.email else "",
        consent_details="yes" if consent and consent.details else "",
        first_session="" if last else "yes",
    )
    if last is None:
        return card
    return card.model_copy(
        update={
            "regions": list(last.regions),
            "trigger_points": last.trigger_points.value,
            "plan": last.plan.value,
            "move_plan": last.move_plan or "",
        }
    )


def check(card: Card, zone: ZoneInfo, now: datetime) -> Checked:
    """Check every field on its own, then what hangs together; times are in the clinic's `zone`."""
    form = _Fields(card)
    phone, email = form.phone(), form.email()
    consents = Consents(
        sms=bool(card.consent_sms),
        email=bool(card.consent_email),
        details=bool(card.consent_details),
    )
    channel = form.channel(consents)
    form.reachable(consents)
    session = NewSession(
        external_id=form.external_id(),
        patient=NewPatient(
            first_name=form.line("first_name", "Type the patient's first name.", 100),
            phone=phone,
            email=email,
            language=Language(form.one_of("language", [one.value for one in Language])),
            time_zone=card.time_zone if card.time_zone in time_zone_names() else None,
            channel=channel,
            consents=consents,
            health_flags=form.health_flags(),
            guardian=bool(card.guardian),
        ),
        ended_at=form.ended_at(zone, now),
        regions=form.regions(),
        baseline_pain=form.pain(),
        first_session=bool(card.first_session),
        trigger_points=TriggerPoints(
            form.one_of("trigger_points", [one.value for one in TriggerPoints])
        ),
        plan=HeatIcePlan(form.one_of("plan", [one.value for one in HeatIcePlan])),
        move_plan=form.line("move_plan", None, 200) or None,
    )
    return Checked(None if form.wrong else session, form.wrong)


def check_for_trial(card: Card, zone: ZoneInfo, now: datetime) -> Checked:
    """Check what the texts depend on: who gets them may still be missing or half typed.

    Texts and emails are shown as if the patient had agreed to the preferred way.
    """
    named = card.model_copy(
        update={
            "card_id": "",
            "first_name": card.first_name.strip() or "-",
            # Any number and consent will do for the check: `_reached` puts in what is known.
            "phone": "+12025550100",
            "email": "",
            "consent_sms": "yes",
            "consent_email": "",
        }
    )
    checked = check(named, zone, now)
    if checked.session is None:
        return checked
    return Checked(replace(checked.session, patient=_reached(card, checked.session.patient)), {})


def _reached(card: Card, patient: NewPatient) -> NewPatient:
    sms, email = bool(card.consent_sms), bool(card.consent_email)
    if not (sms or email):
        sms, email = card.channel != Channel.EMAIL, card.channel == Channel.EMAIL
    fields = _Fields(card)
    phone = fields.phone() or _NOBODY
    mailbox = fields.email() or "nobody@example.invalid"
    return replace(
        patient,
        phone=phone if sms else None,
        email=mailbox if email else None,
        channel=fields.channel(Consents(sms=sms, email=email)),
        consents=Consents(sms=sms, email=email, details=bool(card.consent_details)),
    )


class _Fields:
    """One look at each field; `wrong` gathers what must change, by field."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self.wrong: dict[str, str] = {}

    def line(self, name: str, missing: str | None, longest: int) -> str:
        given: str = getattr(self._card, name).strip()
        if not given and missing:
            self.wrong[name] = missing
        elif len(given) > longest:
            self.wrong[name] = f"Keep it under {longest} characters."
        elif any(one == "\0" or "\ud800" <= one <= "\udfff" for one in given):
            self.wrong[name] = "It has characters that cannot be stored: type it again."
        return given

    def one_of(self, name: str, choices: list[str]) -> str:
        given: str = getattr(self._card, name)
        if given in choices:
            return given
        self.wrong[name] = "Choose one of these."
        return choices[0]

    def phone(self) -> str | None:
        return self._contact("phone", parse_phone)

    def email(self) -> str | None:
        return self._contact("email", parse_email)

    def _contact(self, name: str, parse: Callable[[str], str]) -> str | None:
        given: str = getattr(self._card, name).strip()
        if not given:
            return None
        try:
            return parse(given)
        except ContactError as error:
            self.wrong[name] = f"This {error}."
            return None

    def channel(self, consents: Consents) -> Channel:
        """Return the preferred channel, or the only one that was agreed to."""
        if consents.sms != consents.email:
            return Channel.SMS if consents.sms else Channel.EMAIL
        return Channel(self.one_of("channel", [one.value for one in Channel]))

    def reachable(self, consents: Consents) -> None:
        """Without consent nothing is sent, and with it there must be somewhere to send it."""
        if not (consents.sms or consents.email):
            self.wrong["consent_sms"] = (
                "Ask the patient, then tick texts or email. Without it nothing can be sent."
            )
        for agreed, name, what in (
            (consents.sms, "phone", "Type the number for the texts."),
            (consents.email, "email", "Type the address for the emails."),
        ):
            if agreed and not getattr(self._card, name).strip():
                self.wrong[name] = what

    def regions(self) -> tuple[str, ...]:
        known = load_protocol(CURRENT_VERSION).regions
        given = tuple(dict.fromkeys(one for one in self._card.regions if one in known))
        if not given:
            self.wrong["regions"] = "Choose where was needled: on the body or in the list."
        return given

    def pain(self) -> int | None:
        given = self._card.pain.strip()
        if not given:
            return None
        if given.isascii() and given.isdigit() and int(given) <= 10:
            return int(given)
        self.wrong["pain"] = "Choose a number from 0 to 10."
        return None

    def health_flags(self) -> frozenset[HealthFlag]:
        known = {one.value for one in HealthFlag}
        return frozenset(HealthFlag(one) for one in self._card.health_flags if one in known)

    def ended_at(self, zone: ZoneInfo, now: datetime) -> datetime:
        """Return when the session ended: now, where nothing else was typed."""
        given = self._card.ended_at.strip()
        if not given:
            return now
        try:
            ended = datetime.fromisoformat(given).replace(tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong["ended_at"] = "This is not a date and time: choose it again."
            return now
        if ended > now + _FURTHEST_AHEAD:
            self.wrong["ended_at"] = "This is more than a day from now: check the date."
        elif ended < now - _LONGEST_AGO:
            self.wrong["ended_at"] = "This is more than 30 days ago: check the date."
        return ended

    def external_id(self) -> str | None:
        try:
            return f"{SOURCE}{UUID(self._card.card_id)}"
        except ValueError:
            return None
