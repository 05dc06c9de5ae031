"""Opt-outs, hours, what patients write, and the data (`reliability` 2.3 to 2.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from service.domain.protocol import load_protocol
from service.domain.values import (
    OPT_OUT_CONFIRMATIONS,
    Level,
    MessageKind,
    MessageState,
    SessionState,
)
from service.store.messages import Message
from tests.faults.checks_of_sending import CLAIM_TO_POST
from tests.faults.evidence import SLACK, Evidence
from tests.faults.invariants import Broken, invariant

_RED = (Level.URGENT, Level.EMERGENCY)
_ARRIVES = (MessageState.ACCEPTED, MessageState.DELIVERED)
_ANSWER_WITHIN = timedelta(minutes=10)
_STOP_REACHES_PROVIDER = timedelta(seconds=20)

# --- opt-out --------------------------------------------------------------------------------------


@invariant("O1", "nothing is claimed after an opt-out's commit, or at the provider 20 s after")
def _nothing_after_stop(e: Evidence) -> Iterator[Broken]:
    for seen in e.seen.opt_outs:
        for message in e.to(seen.address_id):
            more = message.attempts - seen.claims.get(message.id, 0)
            late = more > 0 and message.key not in OPT_OUT_CONFIRMATIONS
            yield f"message {message.id} was claimed after the opt-out" if late else None
    for address in e.addresses.values():
        if address.opted_out_at is None:
            continue
        until = address.opted_out_at + _STOP_REACHES_PROVIDER + SLACK
        for message in e.to(address.id):
            if message.key not in OPT_OUT_CONFIRMATIONS:
                late = [post for post in e.posts_of[message.id] if post.at > until]
                yield f"message {message.id} was posted at {late[0].at}" if late else None


@invariant("O2", "an opt-out cancels what is planned and is in the audit")
def _whole_opt_out(e: Evidence) -> Iterator[Broken]:
    for address in e.addresses.values():
        if address.opted_out_at is None:
            continue
        left = [
            m
            for m in e.to(address.id)
            if m.state is MessageState.PLANNED and m.key not in OPT_OUT_CONFIRMATIONS
        ]
        noted = e.noted(f"address:{address.id}", "opted_out")
        if left:
            yield f"message {left[0].id} is still planned"
        else:
            yield None if noted else f"address {address.id} is not in the audit"


@invariant("O3", "every wish to stop is an opt-out, in whatever words")
def _every_stop(e: Evidence) -> Iterator[Broken]:
    for sid in e.seen.stops:
        for reply in e.replies_by_ref.get(sid, []):
            stopped = e.addresses[reply.address_id].opted_out_at is not None
            yield None if stopped and reply.opt_out else f"text {sid} stopped nothing"


@invariant("O6", "at most one confirmation for each opt-out")
def _one_confirmation(e: Evidence) -> Iterator[Broken]:
    for address in e.addresses.values():
        told = [m for m in e.to(address.id) if m.key in OPT_OUT_CONFIRMATIONS and m.provider_ref]
        asked = len(e.noted(f"address:{address.id}", "opted_out"))
        if told or asked:
            yield None if len(told) <= asked else f"address {address.id}: {len(told)}"


# --- time -----------------------------------------------------------------------------------------


@invariant("T1", "scheduled texts are sent inside the patient's own hours")
def _in_the_hours(e: Evidence) -> Iterator[Broken]:
    for post, message, step in e.scheduled():
        if step.window is None:
            continue
        local = post.at.astimezone(e.zone_of(message)).replace(tzinfo=None)
        opens = datetime.combine(local.date(), step.window.opens_on(local.date()))
        closes = datetime.combine(local.date(), step.window.closes)
        well = opens - SLACK <= local < closes
        yield None if well else f"{message.key} {message.id} at {local:%a %H:%M} local"


@invariant("T4", "a tip is sent while it is useful, or skipped with its reason")
def _no_late_tip(e: Evidence) -> Iterator[Broken]:
    for message in e.messages.values():
        if message.kind is not MessageKind.TIP:
            continue
        late = [post for post in e.posts_of.get(message.id, ()) if post.at > message.useful_until]
        yield f"tip {message.id} was posted at {late[0].at}" if late else None


@invariant("T5", "a check-in arrives, is sent later, or becomes a call")
def _no_check_in_lost(e: Evidence) -> Iterator[Broken]:
    for message in e.messages.values():
        if message.kind is not MessageKind.CHECKIN or not _is_lost(e, message):
            continue
        yield None if e.flagged(message) else f"{message.key} {message.id} {message.state.value}"
    yield None


@invariant("T6", "the provider may not hold a text beyond its hours")
def _not_held(e: Evidence) -> Iterator[Broken]:
    for post, message, step in e.scheduled():
        until = datetime.fromisoformat(post.entry["valid_until"])
        ends = message.useful_until
        if step.window is not None:
            zone = e.zone_of(message)
            local = post.at.astimezone(zone)
            ends = min(ends, datetime.combine(local.date(), step.window.closes, tzinfo=zone))
        yield (
            None if until <= ends + CLAIM_TO_POST + SLACK else f"message {message.id} until {until}"
        )


@invariant("T9", "an answer goes out within ten minutes of what it answers")
def _prompt_answers(e: Evidence) -> Iterator[Broken]:
    received = {reply.id: reply.received_at for reply in e.replies}
    for post in e.accepted:
        message = e.messages.get(post.row) if post.row else None
        if message is not None and message.reply_id in received:
            took = post.at - received[message.reply_id]
            yield None if took <= _ANSWER_WITHIN + SLACK else f"message {message.id}: {took}"


# --- what patients write --------------------------------------------------------------------------


@invariant("I1", "no inbound text is stored twice")
def _stored_once(e: Evidence) -> Iterator[Broken]:
    for ref, replies in e.replies_by_ref.items():
        yield None if len(replies) == 1 else f"text {ref} is stored {len(replies)} times"


@invariant("I2", "what was acknowledged is stored")
def _acknowledged(e: Evidence) -> Iterator[Broken]:
    for entry in e.journal:
        if entry["event"] == "webhook" and str(entry["result"]).startswith("answered 2"):
            stored = e.replies_by_ref.get(entry["sid"])
            yield None if stored else f"text {entry['sid']} was acknowledged and is lost"


@invariant("I3", "every text at the provider is stored in the end")
def _all_stored(e: Evidence) -> Iterator[Broken]:
    if e.seen.polled:
        for entry in e.inbound:
            yield None if e.replies_by_ref.get(entry["sid"]) else f"text {entry['sid']} is lost"


@invariant("I4", "what was not read is before a person")
def _read_or_flagged(e: Evidence) -> Iterator[Broken]:
    flagged = {flag.reply_id for flag in e.flags}
    for reply in e.replies:
        well = reply.read_at is not None or reply.id in flagged
        yield None if well else f"reply {reply.id}"


@invariant("I5", "every red reply is flagged, with its opt-out or without")
def _red_is_flagged(e: Evidence) -> Iterator[Broken]:
    for sid in e.seen.reds:
        for reply in e.replies_by_ref.get(sid, []):
            raised = any(
                flag.level in _RED
                and (
                    flag.reply_id == reply.id
                    or (flag.patient_id is not None and flag.patient_id == reply.patient_id)
                )
                for flag in e.flags
            )
            yield None if raised else f"reply {reply.id} ({sid})"


# --- data -----------------------------------------------------------------------------------------


@invariant("D2", "the database is whole")
def _whole(e: Evidence) -> Iterator[Broken]:
    yield from e.damage or [None]


@invariant("D5", "the audit chain verifies, and nothing hangs outside it")
def _chain(e: Evidence) -> Iterator[Broken]:
    yield None if e.broken_at is None else f"entry {e.broken_at} does not fit"
    if e.seen.quiet:
        for entry in e.audit:
            yield None if entry.chain else f"entry {entry.id} is not chained"


def _is_lost(e: Evidence, message: Message) -> bool:
    """Did this check-in reach nobody, though its session went on and asked for it?"""
    session = e.sessions.get(message.session_id) if message.session_id else None
    if session is None or session.state is not SessionState.ACTIVE:
        return False
    if message.answered_at is not None or message.state in (
        MessageState.ACCEPTED,
        MessageState.DELIVERED,
        MessageState.PLANNED,
        MessageState.CLAIMED,
    ):
        return False
    if load_protocol(message.protocol_version).step(message.key).is_nudge:
        return False  # Its check-in went out or was told of; the nudge asks the same once more.
    return not any(
        (other.key == message.key and other.state in _ARRIVES) or other.answered_at is not None
        for other in e.messages_to[message.address_id]
        if other.session_id == message.session_id
    )
