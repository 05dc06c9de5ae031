"""What providers' error codes mean: Twilio's for texts, SMTP's for email, in a clinic's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.domain.values import Channel


class Cause(StrEnum):
    """Why a message did not get through; decides what happens next."""

    BUSY = "busy"
    """It was certainly not sent, and may be sent later."""
    UNREACHABLE = "unreachable"
    """The phone or mailbox may answer another time."""
    BAD_ADDRESS = "bad_address"
    """This number or mailbox will never get it."""
    LANDLINE = "landline"
    OPTED_OUT = "opted_out"
    SENDER = "sender"
    """The account or the sending number may not send at all until a person has acted."""
    OURS = "ours"
    """This message, as we made it, will never be taken; others may be."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The cause behind a code, and a sentence that a clinic can read."""

    cause: Cause
    reason: str


_SMS = {
    # Later is fine: none of these ever reached the phone network.
    429: Meaning(Cause.BUSY, "The provider asked us to slow down."),
    14107: Meaning(Cause.BUSY, "The provider asked us to slow down."),
    20429: Meaning(Cause.BUSY, "The provider asked us to slow down."),
    21611: Meaning(Cause.BUSY, "Too many texts wait at the provider."),
    30001: Meaning(Cause.BUSY, "Too many texts waited at the provider, so it was not sent."),
    30022: Meaning(Cause.BUSY, "The phone networks asked us to slow down."),
    30023: Meaning(Cause.BUSY, "The phone networks' limit for the day is reached."),
    30036: Meaning(Cause.BUSY, "It waited too long at the provider, so it was not sent."),
    # The phone may be off today.
    30003: Meaning(Cause.UNREACHABLE, "The phone could not be reached; it may be off."),
    30008: Meaning(Cause.UNREACHABLE, "The phone network did not say why it failed."),
    30017: Meaning(Cause.UNREACHABLE, "The phone network was overloaded."),
    30410: Meaning(Cause.UNREACHABLE, "The phone network did not answer the provider."),
    # This number will not do.
    21211: Meaning(Cause.BAD_ADDRESS, "This is not a phone number."),
    21408: Meaning(Cause.BAD_ADDRESS, "Texts to this country are not switched on."),
    21612: Meaning(Cause.BAD_ADDRESS, "This number cannot be reached from the clinic's number."),
    30004: Meaning(Cause.BAD_ADDRESS, "The phone blocks the clinic's texts."),
    30005: Meaning(Cause.BAD_ADDRESS, "This number is not in service."),
    21614: Meaning(Cause.LANDLINE, "This number cannot receive texts; it may be a landline."),
    21635: Meaning(Cause.LANDLINE, "This number is a landline."),
    30006: Meaning(Cause.LANDLINE, "This number cannot receive texts; it may be a landline."),
    21610: Meaning(Cause.OPTED_OUT, "This number has opted out of the clinic's texts."),
    # Nothing goes out until somebody has put the account or the number right.
    401: Meaning(Cause.SENDER, "The provider does not accept our password."),
    403: Meaning(Cause.SENDER, "The provider does not let this account send."),
    10001: Meaning(Cause.SENDER, "The account at the provider is closed or suspended."),
    20003: Meaning(Cause.SENDER, "The provider does not accept our password."),
    20005: Meaning(Cause.SENDER, "The account at the provider is closed or suspended."),
    30002: Meaning(Cause.SENDER, "The account at the provider is suspended."),
    21603: Meaning(Cause.SENDER, "The clinic has no number to send from."),
    21606: Meaning(Cause.SENDER, "The clinic's number cannot send texts."),
    21659: Meaning(Cause.SENDER, "The clinic's number is not the provider's."),
    21660: Meaning(Cause.SENDER, "The clinic's number belongs to another account."),
    21703: Meaning(Cause.SENDER, "The clinic's messaging service has no number."),
    21705: Meaning(Cause.SENDER, "The clinic's messaging service does not exist."),
    30032: Meaning(Cause.SENDER, "The clinic's toll-free number is not verified."),
    30033: Meaning(Cause.SENDER, "The phone networks have suspended the clinic's registration."),
    30034: Meaning(Cause.SENDER, "The clinic's number is not registered with the phone networks."),
    # The text itself.
    30007: Meaning(Cause.OURS, "The phone network took it for spam."),
    21602: Meaning(Cause.OURS, "It had no words."),
    21605: Meaning(Cause.OURS, "It was too long."),
    21617: Meaning(Cause.OURS, "It was too long."),
    21619: Meaning(Cause.OURS, "It had no words."),
    21624: Meaning(Cause.OURS, "It was given a wrong time to live."),
    90007: Meaning(Cause.OURS, "It was given a wrong time to live."),
}

_EMAIL = {
    421: Meaning(Cause.BUSY, "The mail server asked us to come back later."),
    450: Meaning(Cause.BUSY, "The mailbox was busy."),
    451: Meaning(Cause.BUSY, "The mail server had a problem of its own."),
    452: Meaning(Cause.BUSY, "The mail server is full."),
    530: Meaning(Cause.SENDER, "The mail server asks for a password."),
    534: Meaning(Cause.SENDER, "The mail server does not accept our password."),
    535: Meaning(Cause.SENDER, "The mail server does not accept our password."),
    550: Meaning(Cause.BAD_ADDRESS, "This mailbox does not exist or refuses the clinic's mail."),
    551: Meaning(Cause.BAD_ADDRESS, "This mailbox has moved."),
    552: Meaning(Cause.UNREACHABLE, "The mailbox is full."),
    553: Meaning(Cause.BAD_ADDRESS, "This is not an email address."),
    554: Meaning(Cause.OURS, "The mail server refused it."),
    556: Meaning(Cause.BAD_ADDRESS, "This address takes no mail."),
}

KNOWN_CODES = {Channel.SMS: frozenset(_SMS), Channel.EMAIL: frozenset(_EMAIL)}


def meaning_of(code: int | None, channel: Channel) -> Meaning | None:
    """Return what a provider's code means on that channel; None when we do not know it."""
    table = _SMS if channel is Channel.SMS else _EMAIL
    return None if code is None else table.get(code)


def code_of_bounce(status: str) -> int | None:
    """Return the mail server's code that means what a bounce's enhanced status does (RFC 3463).

    None when it only says that it did not arrive.
    """
    if status.startswith(("5.1.", "5.2.1")):
        return 550
    if status.endswith(".2.2"):
        return 552
    return 554 if status.startswith(("5.6.", "5.7.")) else None
