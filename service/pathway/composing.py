"""A message gets its final words: filled with the clinic's details when it is shown or sent."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from service.domain.emails import CHOICES, EmailBody, EmailLinks, load_emails, render_email
from service.domain.protocol import load_protocol
from service.domain.slots import fill, region_slots, spoken_time
from service.domain.values import Channel, Language, MessageKind
from service.domain.wording import SmsBody, load_texts, sms_body
from service.gateways.ports import Outgoing
from service.pathway.links import Links
from service.pathway.rounds import Compose, Composed, NoWording
from service.store.claims import Claim, SendingClinic

_TIMES = ("callby", "when", "open")


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
    slots = tuple(_slots(worded, clinic, zone).items())
    return _filled(worded.protocol_version, worded.wording, worded.language, slots)


@lru_cache(maxsize=1024)
def _filled(
    version: int, wording: str, language: Language, slots: tuple[tuple[str, str], ...]
) -> SmsBody:
    # A clinic's patients get the same few texts: each is filled and measured once.
    return sms_body(load_texts(version), wording, language, dict(slots))


def words_of(worded: Worded, clinic: Named, zone: ZoneInfo) -> str:
    """Return a text as a screen shows it: whole, with every accent. Raises as `text_of` does."""
    wording = load_texts(worded.protocol_version).get(worded.wording, worded.language)
    return fill(wording, _slots(worded, clinic, zone))


def email_of(worded: Worded, clinic: Named, zone: ZoneInfo, links: EmailLinks) -> EmailBody:
    """Return an email in both its forms; its times are told in `zone`.

    Raises `MissingSlot` as `text_of` does, and for a link that the email needs and was not given.
    """
    return render_email(
        load_emails(worded.protocol_version),
        worded.wording,
        worded.language,
        _slots(worded, clinic, zone),
        links=links,
    )


def composer(public_url: str, now: Callable[[], datetime], links: Links | None = None) -> Compose:
    """Return what fills a claimed message for its provider, who reports back to `public_url`.

    Without `links` no email can be made: each needs its patient's own.
    """

    def compose(claim: Claim, clinic: SendingClinic) -> Composed:
        zone = ZoneInfo(clinic.time_zone)
        if claim.channel is Channel.EMAIL:
            return Composed(_email(claim, clinic, zone, public_url, links), 0)
        if clinic.sender is None:
            raise NoWording("Not sent: the clinic has no number to send texts from.")
        body = text_of(claim, clinic, zone)
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


def _email(
    claim: Claim, clinic: SendingClinic, zone: ZoneInfo, public_url: str, links: Links | None
) -> Outgoing:
    if clinic.email_from is None:
        raise NoWording("Not sent: the clinic has no address to send emails from.")
    if links is None:
        raise NoWording("Not sent: there are no links to put into emails.")
    # Staff are told of flags as long as they work here: there is nothing to unsubscribe from.
    to_staff = claim.kind is MessageKind.NOTICE
    unsubscribe = None if to_staff else links.unsubscribe_url(claim.address_id)
    body = email_of(
        claim,
        clinic,
        zone,
        EmailLinks(
            unsubscribe=unsubscribe,
            check_in=links.check_in_url(claim.id),
            app=public_url,
            reset=_reset_url(public_url, claim),
            plan=links.patient_page_url(claim.patient_id) if claim.patient_id else None,
        ),
    )
    return Outgoing(
        id=claim.id,
        channel=claim.channel,
        sender=_named_address(clinic.name, clinic.email_from),
        recipient=claim.recipient,
        text=body.text,
        subject=body.subject,
        html=body.html,
        unsubscribe_url=unsubscribe,
        reply_to=clinic.email_from,
    )


def _reset_url(public_url: str, claim: Claim) -> str | None:
    """Return where staff choose a new password: our own address, whatever a request named."""
    token = (claim.slots or {}).get("reset_token")
    return f"{public_url}/reset/{token}" if token else None


def _named_address(name: str, address: str) -> str:
    """Return an address as mail programs show it: `"Bayou Needling" <care@bayou.example>`."""
    plain = name.translate({ord('"'): None, ord("\\"): None})
    return f'"{plain}" <{address}>'


def _slots(worded: Worded, clinic: Named, zone: ZoneInfo) -> dict[str, str]:
    given: dict[str, str] = worded.slots or {}
    filled = {"clinic": clinic.name, "phone": clinic.phone}
    filled |= {name: given[name] for name in CHOICES if name in given}
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
