"""A message gets its final words: filled with the clinic's details when it is shown or sent."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.protocol import load_protocol
from service.domain.slots import region_slots, spoken_time
from service.domain.values import Channel, Language
from service.domain.wording import SmsBody, load_texts, sms_body
from service.gateways.ports import Outgoing
from service.pathway.rounds import Compose, Composed
from service.store.claims import Claim
from service.store.clinics import Clinic

_TIMES = ("callby", "when", "open")


class NoWording(Exception):
    """There is no approved form of this message for its channel, or nobody to send it from."""


class Worded(typing.Protocol):
    """What knows its wording: a message's row, or a claim on it."""

    @property
    def wording(self) -> str: ...
    @property
    def language(self) -> Language: ...
    @property
    def protocol_version(self) -> int: ...
    @property
    def slots(self) -> Any: ...


class Named(typing.Protocol):
    """A clinic, as its texts name it; the row itself will do, which is cheap where it is hot."""

    @property
    def name(self) -> str: ...
    @property
    def phone(self) -> str: ...


def text_of(worded: Worded, clinic: Named, zone: ZoneInfo) -> SmsBody:
    """Return the body of a text message; its times are told in `zone`.

    Raises `MissingSlot` when the wording needs what the clinic never gave, as its phone number.
    """
    return sms_body(
        load_texts(worded.protocol_version),
        worded.wording,
        worded.language,
        _slots(worded, clinic, zone),
    )


def composer(public_url: str, now: Callable[[], datetime]) -> Compose:
    """Return what fills a claimed message for its provider, who reports back to `public_url`."""

    def compose(claim: Claim, clinic: Clinic) -> Composed:
        if claim.channel is not Channel.SMS or clinic.sender is None:
            raise NoWording(f"{claim.wording} has no {claim.channel} form that can be sent")
        body = text_of(claim, clinic, ZoneInfo(clinic.time_zone))
        return Composed(
            Outgoing(
                id=claim.id,
                channel=claim.channel,
                sender=clinic.sender,
                recipient=claim.recipient,
                text=body.text,
                # The provider must not hold a text on into the night (`reliability`, finding 4).
                valid_for=max(1, int((claim.send_before - now()).total_seconds())),
                callback_url=f"{public_url}/webhooks/twilio/status/{claim.id}",
            ),
            body.segments,
        )

    return compose


def _slots(worded: Worded, clinic: Named, zone: ZoneInfo) -> dict[str, str]:
    given: dict[str, str] = worded.slots or {}
    filled = {"clinic": clinic.name, "phone": clinic.phone}
    if "region" in given:
        regions = load_protocol(worded.protocol_version).regions
        filled |= region_slots(regions, given["region"], worded.language)
    if "move_text" in given:
        filled["move"] = given["move_text"]
    for name in _TIMES:
        if name in given:
            moment = datetime.fromisoformat(given[name])
            filled[name] = spoken_time(moment, zone, worded.language)
    return filled
