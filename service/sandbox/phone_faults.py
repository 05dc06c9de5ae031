"""What the pretend phone network does wrong on purpose: Twilio's magic numbers, and set rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum


class Trouble(StrEnum):
    """The ways in which a send can go wrong."""

    REFUSE = "refuse"
    """Answered with `status` and Twilio's `code`; not taken."""
    HANG = "hang"
    """Never answered; not taken."""
    RESET = "reset"
    """The connection is reset; not taken."""
    TAKE_AND_HANG = "take_and_hang"
    TAKE_AND_CUT = "take_and_cut"
    """Taken, then the line is cut before a byte of answer."""
    TAKE_AND_FAIL = "take_and_fail"
    """Taken, then answered with a server error."""
    HALF_ANSWER = "half_answer"
    """Taken; the answer's length is right but its JSON stops half-way."""
    CUT_ANSWER = "cut_answer"
    """Taken; the answer's head and half its body, then the line is cut."""
    NO_SID = "no_sid"
    """Taken; the answer does not say under which sid."""
    SLOW = "slow"
    """Taken; answered after `delay` seconds."""
    UNDELIVERED = "undelivered"
    """Taken; some time later it turns out that `code` kept it from arriving."""
    HELD = "held"
    """Taken and queued, but not sent while the rule stands, or until its validity ends."""


@dataclass(slots=True)
class Rule:
    """What goes wrong, for which texts, and how often.

    `to` and `sender` must equal the text's; empty fits all. `times` is how many texts it still
    applies to, None for ever. `share` is the part of the fitting texts that it hits.
    """

    trouble: Trouble
    to: str = ""
    sender: str = ""
    times: int | None = None
    share: float = 1.0
    status: int = 400
    code: int | None = None
    delay: float = 0.0
    retry_after: int | None = None

    def fits(self, to: str, sender: str) -> bool:
        """Does the rule speak of this text?"""
        return self.to in ("", to) and self.sender in ("", sender)


# Twilio's own for test credentials, where the number says what is wrong with it.
MAGIC_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_SENDERS = {
    "+15005550001": 21212,
    "+15005550007": 21606,
    "+15005550008": 21611,
}
# Ours, in the same style: texts to these are taken and do not arrive.
MAGIC_UNDELIVERED = {
    "+15005553003": 30003,
    "+15005553004": 30004,
    "+15005553005": 30005,
    "+15005553006": 30006,
    "+15005553007": 30007,
    "+15005553008": 30008,
    "+15005553034": 30034,
}

MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service Unavailable",
    21211: "The 'To' number is not a valid phone number.",
    21212: "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID.",
    21266: "'To' and 'From' number cannot be the same.",
    21408: "Permission to send an SMS has not been enabled for the region of the 'To' number.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number is not a valid, SMS-capable number of this account.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable via SMS",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21624: "Invalid validity period value",
    21705: "The Messaging Service Sid is invalid",
}


@dataclass(slots=True)
class Faults:
    """The rules now in force; the first that fits a text is the one that counts."""

    rules: list[Rule] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - replays

    def next_for(self, to: str, sender: str) -> Rule | None:
        """Return what goes wrong with this text, and count the rule as used."""
        for rule in self.rules:
            if rule.fits(to, sender) and self._strikes(rule):
                if rule.times is not None:
                    rule.times -= 1
                    self.rules = [left for left in self.rules if left.times != 0]
                return rule
        return _by_magic(to, sender)

    def _strikes(self, rule: Rule) -> bool:
        return rule.share >= 1.0 or self.chance.random() < rule.share


def _by_magic(to: str, sender: str) -> Rule | None:
    code = MAGIC_RECIPIENTS.get(to) or MAGIC_SENDERS.get(sender)
    if code:
        return Rule(Trouble.REFUSE, code=code)
    later = MAGIC_UNDELIVERED.get(to)
    return Rule(Trouble.UNDELIVERED, code=later) if later else None
