"""How handing a message to a provider can end, and what is to be done about each ending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.receipts import standing_of
from service.domain.refusals import Cause, Meaning, meaning_of
from service.domain.values import Channel, MessageKind, MessageState


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it; `ref` is its name for it, `status` its own word for where it is."""

    ref: str
    status: str
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider did certainly not take it.

    `code` is the provider's own, if it gave one. `retry_after` is the least number of seconds to
    wait before the same message may be tried again; None when trying again is of no use.
    """

    code: int | None
    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may or may not have been taken: nobody sends it again before the provider was asked."""

    why: str


Outcome = Accepted | Refused | Unclear


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The provider took it and reports later that it did not arrive, with its code if it has one.

    `status` is the provider's word, `undelivered` or `failed`.
    """

    code: int | None
    status: str = "undelivered"


class Effect(StrEnum):
    """What must happen beyond the message's own row."""

    RECORD_OPT_OUT = "record_opt_out"
    MARK_LANDLINE = "mark_landline"
    MARK_FAILING = "mark_failing"
    EMAIL_INSTEAD = "email_instead"
    STAFF_TASK = "staff_task"
    """A person must ring the patient, or at least know."""
    STOP_SENDER = "stop_sender"
    ALARM = "alarm"
    """Whoever runs the service must look."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What the decision needs to know of the message that was sent.

    `attempts` counts this one. `can_email` is true when the patient agreed to email and has an
    address that works. `covered` is true when another channel carries the same message and has
    not failed. `confirms_opt_out` marks the one answer that a provider may rightly refuse.
    """

    kind: MessageKind
    channel: Channel
    attempts: int
    useful_until: datetime
    can_email: bool = False
    covered: bool = False
    confirms_opt_out: bool = False


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the row becomes, in plain words why, and what else follows.

    `retry_at` goes with `planned` only, and lies before the message stops being useful. It may be
    outside the patient's hours: the caller moves it to the next opening.
    """

    state: MessageState
    reason: str
    retry_at: datetime | None = None
    effects: frozenset[Effect] = frozenset()


TRY_AGAIN = "To be tried again: "
"""Stands before the reason of a message that was refused and is planned once more."""

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
BOUNCE_WAIT = timedelta(minutes=30)
"""How long a phone that could not be reached is left before its check-in is tried once more."""

_CAUSE_EFFECTS = {
    Cause.BAD_ADDRESS: frozenset({Effect.MARK_FAILING}),
    Cause.UNREACHABLE: frozenset({Effect.MARK_FAILING}),
    Cause.LANDLINE: frozenset({Effect.MARK_LANDLINE}),
    Cause.OPTED_OUT: frozenset({Effect.RECORD_OPT_OUT}),
    Cause.SENDER: frozenset({Effect.STOP_SENDER, Effect.ALARM}),
    Cause.OURS: frozenset({Effect.ALARM}),
}


def next_step(
    outcome: Outcome | Undelivered, sending: Sending, *, now: datetime, jitter: float
) -> NextStep:
    """Return what follows from an attempt, or from a later report that it failed.

    The rules are `reliability.md` S9 and S10 and `clinical-protocol` D ("no mobile"). `jitter` is
    from 0 up to 1, at random, so that messages refused together do not come back together.
    """
    match outcome:
        case Accepted(status=status):
            standing = standing_of(status)
            if standing is None:
                return NextStep(MessageState.ACCEPTED, "The provider has taken it.")
            if standing.state is MessageState.UNDELIVERED:
                return next_step(Undelivered(None, status), sending, now=now, jitter=jitter)
            return NextStep(standing.state, standing.reason)
        case Unclear(why):
            reason = f"It is not known whether it went out ({why}); the provider will be asked."
            return NextStep(MessageState.UNKNOWN, reason)
        case Refused(code, reason, retry_after):
            ended, asked = MessageState.REFUSED, timedelta(seconds=retry_after or 0)
            unknown = Meaning(Cause.OURS if retry_after is None else Cause.BUSY, reason)
        case Undelivered(code, status):
            ended, asked = MessageState.UNDELIVERED, timedelta(0)
            standing = standing_of(status)
            unknown = Meaning(Cause.UNREACHABLE, standing.reason if standing else "It was lost.")
    meaning = meaning_of(code, sending.channel) or unknown
    pause = _pause(meaning.cause, sending, was_taken=ended is MessageState.UNDELIVERED)
    retry_at = None if pause is None else now + max(pause, asked) * (1 + jitter / 2)
    return _after_failure(meaning, ended, sending, retry_at)


def _pause(cause: Cause, sending: Sending, *, was_taken: bool) -> timedelta | None:
    """How long to wait before one more try: twice as long each time. None when there is none."""
    doubled = min(FIRST_WAIT * (1 << min(max(sending.attempts - 1, 0), 12)), LONGEST_WAIT)
    match cause:
        case Cause.BUSY:
            return doubled
        # What the sender kept from leaving waits with all the rest until it may send again.
        case Cause.SENDER if not was_taken:
            return doubled
        case Cause.UNREACHABLE if sending.kind is MessageKind.CHECKIN and sending.attempts < 2:
            return BOUNCE_WAIT
        case _:
            return None


def _after_failure(
    meaning: Meaning, ended: MessageState, sending: Sending, retry_at: datetime | None
) -> NextStep:
    effects = _CAUSE_EFFECTS.get(meaning.cause, frozenset())
    if sending.channel is Channel.EMAIL:
        # A mail server that shuts us out must not silence the texts: only emails wait for it.
        effects = effects - {Effect.STOP_SENDER}
    if retry_at is None or retry_at >= sending.useful_until:
        return NextStep(ended, meaning.reason, None, effects | _instead(meaning.cause, sending))
    # The address may be well when it is tried again; a sender that may not send is stopped now.
    effects = effects if meaning.cause is Cause.SENDER else frozenset()
    return NextStep(MessageState.PLANNED, f"{TRY_AGAIN}{meaning.reason}", retry_at, effects)


def _instead(cause: Cause, sending: Sending) -> frozenset[Effect]:
    """Who or what takes over from a message that will not arrive."""
    if sending.kind is MessageKind.NOTICE:
        return frozenset({Effect.ALARM}) | _email_instead(cause, sending)
    if sending.confirms_opt_out or sending.covered:
        return frozenset()
    by_email = _email_instead(cause, sending)
    match sending.kind:
        case MessageKind.REPLY:
            # The patient is waiting for it: people must know at once (`clinical-protocol` C1).
            return by_email | {Effect.STAFF_TASK}
        case MessageKind.CHECKIN | MessageKind.SAFETY:
            return by_email or frozenset({Effect.STAFF_TASK})
        case _:
            return by_email if cause in (Cause.BAD_ADDRESS, Cause.LANDLINE) else frozenset()


def _email_instead(cause: Cause, sending: Sending) -> frozenset[Effect]:
    if sending.channel is not Channel.SMS or not sending.can_email:
        return frozenset()
    # A patient who said STOP is not written to in another way: staff phone on day 2 and 4.
    if cause is Cause.OPTED_OUT and sending.kind is not MessageKind.NOTICE:
        return frozenset()
    return frozenset({Effect.EMAIL_INSTEAD})
