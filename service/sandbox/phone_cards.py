"""How the pretend phones are shown: a text becomes a bubble, with what became of it in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

import phonenumbers
from markupsafe import Markup, escape

from service.sandbox.phone_network import Phone
from service.sandbox.texts import INBOUND, Text

_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")
_ON_THE_WAY = frozenset({"accepted", "queued", "sending"})


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text as the phone shows it. `mine` is true for what the patient wrote."""

    mine: bool
    body: Markup
    photos: int
    at: str
    fate: str
    failed: bool
    clinic: str


@dataclass(frozen=True, slots=True)
class PhoneCard:
    """One phone. `anchor` is its place on the page; `clinics` are (number, as written)."""

    number: str
    written: str
    anchor: str
    on: bool
    bubbles: tuple[Bubble, ...]
    clinics: tuple[tuple[str, str], ...]


def card_of(phone: Phone, zone: tzinfo) -> PhoneCard:
    """Return a phone as it is shown, with times in `zone`."""
    several = len(phone.clinics) > 1
    return PhoneCard(
        number=phone.number,
        written=as_written(phone.number),
        anchor=f"phone-{phone.number.lstrip('+')}",
        on=phone.on,
        bubbles=tuple(_bubble(text, zone, several) for text in phone.texts),
        clinics=tuple((clinic, as_written(clinic)) for clinic in phone.clinics),
    )


def as_written(number: str) -> str:
    """Return a number as people write it; what is no number is left as it is."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    if parsed.country_code == 1:
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def moment_words(moment: datetime, zone: tzinfo) -> str:
    """Return a moment as the page says it: `Tue 3 Mar, 12:04`."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def linked(text: str) -> Markup:
    """Return text as HTML in which addresses can be followed; everything else is escaped."""
    pieces: list[Markup] = []
    end = 0
    for found in _LINK.finditer(text):
        pieces.append(escape(text[end : found.start()]))
        url = escape(found.group())
        pieces.append(
            Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(url)
        )
        end = found.end()
    pieces.append(escape(text[end:]))
    return Markup("").join(pieces)


def newest_first(phones: Iterable[Phone], zone: tzinfo) -> list[PhoneCard]:
    """Return the cards in the order in which the network gives the phones."""
    return [card_of(phone, zone) for phone in phones]


def _bubble(text: Text, zone: tzinfo, several: bool) -> Bubble:
    mine = text.direction == INBOUND
    fate, failed = _fate_of_answer(text) if mine else _fate_of_text(text)
    return Bubble(
        mine=mine,
        body=linked(text.body),
        photos=text.photos,
        at=moment_words(text.sent_at or text.created_at, zone),
        fate=fate,
        failed=failed,
        clinic=as_written(text.clinic) if several else "",
    )


def _fate_of_text(text: Text) -> tuple[str, bool]:
    if text.status in _ON_THE_WAY:
        return "on its way", False
    if text.status in ("undelivered", "failed"):
        return f"did not arrive (error {text.error_code})", True
    return text.status, False


def _fate_of_answer(text: Text) -> tuple[str, bool]:
    if text.webhook is None:
        return "sent", False
    if text.webhook.startswith("answered 2"):
        return "the clinic has it", False
    return f"the clinic was not told: {text.webhook}", True
