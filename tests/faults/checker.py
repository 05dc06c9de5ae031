"""Holds what happened against the invariants (`reliability` 2): one result for each.

Every check is a function from `Evidence` to the things it looked at and those that break the rule.
It goes by the provider's journal and the protocol's data, not by what our rows say of themselves.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.domain.protocol import load_protocol
from service.domain.protocol.model import Step
from service.domain.values import (
    OPT_OUT_CONFIRMATIONS,
    Level,
    MessageKind,
    MessageState,
    SessionState,
)
from service.store.messages import Message
from tests.faults.evidence import AUTOMATIC, SLACK, Evidence, Post
from tests.faults.steps import ANSWER_SECONDS

Broken = str | None
Check = Callable[[Evidence], Iterator[Broken]]
"""Yields once for each thing it looked at: None when it is well, or what is wrong with it."""

_TAKEN = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)
_AT_AN_END = (
    *_TAKEN,
    MessageState.REFUSED,
    MessageState.SKIPPED,
    MessageState.CANCELLED,
    MessageState.UNKNOWN,
)
_RED = (Level.URGENT, Level.EMERGENCY)
_ANSWER_WITHIN = timedelta(minutes=10)
_LONGEST_CALL = ANSWER_SECONDS + 1.5
"""A busy machine may be late to notice that the time is over."""
_CLAIM_TO_POST = timedelta(seconds=20)
"""By so much may a text leave later than its validity was counted for, too."""
_STOP_REACHES_PROVIDER = timedelta(seconds=20)


@dataclass(frozen=True)
class Result:
    """One invariant: how many things were looked at, and how many broke it."""

    invariant: str
    says: str
    checked: int
    violations: int
    first: str | None

    def __str__(self) -> str:
        told = f"{self.invariant:<4} {self.says}: checked {self.checked}"
        return f"{told}, violations {self.violations}" + (
            f", first: {self.first}" if self.first else ""
        )


CHECKS: dict[tuple[str, str], Check] = {}


def _invariant(name: str, says: str) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        CHECKS[name, says] = check
        return check

    return keep


def check(evidence: Evidence) -> list[Result]:
    """Return one result for each invariant, in the order of `reliability`."""
    results = []
    for (name, says), rule in CHECKS.items():
        found = list(rule(evidence))
        wrong = [one for one in found if one is not None]
        results.append(Result(name, says, len(found), len(wrong), next(iter(wrong), None)))
    return results


def broken(results: Iterable[Result]) -> list[Result]:
    """Return those that do not hold."""
    return [result for result in results if result.violations]


# --- sending -----------------------------------------------------------------------------------


@_invariant("S1", "the provider took no message twice")
def _nothing_twice(e: Evidence) -> Iterator[Broken]:
    counts = Counter(post.row for post in e.accepted if post.row)
    for row, count in counts.items():
        yield f"message {row} was taken {count} times" if count > 1 else None


@_invariant("S2", "a message is posted by the holder of a claim, after the claim")
def _posted_from_a_claim(e: Evidence) -> Iterator[Broken]:
    for row, posts in e.posts_of.items():
        message = e.messages.get(row)
        if message is None or message.claimed_at is None:
            yield f"message {row} was posted and never claimed"
        elif len(posts) > message.attempts:
            yield f"message {row}: {len(posts)} posts for {message.attempts} claims"
        elif message.attempts == 1 and posts[0].at < message.claimed_at - SLACK:
            yield f"message {row} was posted at {posts[0].at}, before its claim"
        else:
            yield None


@_invariant("S3", "posted again only after a sure refusal, or two noes of the provider")
def _posted_again_for_a_reason(e: Evidence) -> Iterator[Broken]:
    for row, posts in e.posts_of.items():
        said_no = [entry.at for entry in e.noted(f"message:{row}", "not_sent")]
        for before, after in itertools.pairwise(posts):
            asked = any(before.at <= at <= after.at + SLACK for at in said_no)
            well = before.certainly_not_taken or asked
            yield None if well else f"message {row} was posted again at {after.at}"


@_invariant("S4", "the database itself refuses doubles")
def _unique_indexes(e: Evidence) -> Iterator[Broken]:
    yield from e.missing_indexes or [None]


@_invariant("S5", "number, sender and words are the row's own")
def _as_worded(e: Evidence) -> Iterator[Broken]:
    for post in e.accepted:
        message = e.messages.get(post.row) if post.row else None
        if message is None:
            yield f"text {post.entry['sid']} belongs to no message"
            continue
        value, clinic = e.addresses[message.address_id].value, e.clinics[message.clinic_id]
        given = (post.entry["recipient"], post.entry["sender"], post.entry["body"])
        yield (
            None
            if given == (value, clinic.sender, e.words_of(message))
            else f"message {message.id}"
        )


@_invariant("S6", "every text at the provider is one row's, and the other way round")
def _one_to_one(e: Evidence) -> Iterator[Broken]:
    rows = {m.provider_ref: m for m in e.messages.values() if m.provider_ref is not None}
    sids = {post.entry["sid"]: post for post in e.accepted}
    for sid, post in sids.items():
        message = rows.get(sid)
        owned = message is not None and message.id == post.row
        # One that ended unknown, before a person's eyes, may be at the provider or not.
        doubtful = post.row in e.messages and _is_told_unknown(e, e.messages[post.row])
        yield None if owned or doubtful else f"text {sid} of message {post.row} is not linked"
    for message in rows.values():
        yield None if message.provider_ref in sids else f"message {message.id} names no text"


def _is_told_unknown(e: Evidence, message: Message) -> bool:
    return message.state is MessageState.UNKNOWN and (
        e.flagged(message) or message.answered_at is not None
    )


@_invariant("S7", "callbacks in any order end in the provider's own last word")
def _last_word(e: Evidence) -> Iterator[Broken]:
    if not e.seen.receipts:
        return
    said: dict[str, str] = {}
    for entry in e.journal:
        if entry["event"] == "status":
            said[entry["sid"]] = entry["status"]
    for message in e.messages.values():
        word = said.get(message.provider_ref or "")
        if word is not None:
            well = message.provider_status == word
            yield None if well else f"message {message.id}: {message.provider_status}, not {word}"


@_invariant("S8", "no more than 20 s from claim to post")
def _posted_soon(e: Evidence) -> Iterator[Broken]:
    for row, posts in e.posts_of.items():
        message = e.messages.get(row)
        if message is not None and message.claimed_at is not None and message.attempts == 1:
            took = posts[-1].at - message.claimed_at
            yield None if took <= _CLAIM_TO_POST + SLACK else f"message {row}: {took}"


@_invariant("S8", "no call to the provider outlasts its time")
def _calls_end(e: Evidence) -> Iterator[Broken]:
    for seconds in e.seen.calls:
        yield None if seconds <= _LONGEST_CALL else f"a call took {seconds:.1f} s"


@_invariant("S9", "every message comes to an end that explains itself")
def _comes_to_an_end(e: Evidence) -> Iterator[Broken]:
    for message in e.messages.values():
        if not e.seen.quiet and message.state not in _AT_AN_END:
            continue
        well = message.state in _AT_AN_END and message.reason
        yield None if well else f"message {message.id} is still {message.state.value}"


@_invariant("S11", "no more scheduled texts a day than the protocol allows")
def _not_too_many(e: Evidence) -> Iterator[Broken]:
    counts: Counter[tuple[object, object]] = Counter()
    most = 0
    for post, message, step in _scheduled(e):
        limits = load_protocol(message.protocol_version).limits
        most = max(most, *limits.texts_a_day)
        if not step.outside_limits:
            counts[message.address_id, post.at.astimezone(e.zone_of(message)).date()] += 1
    for (address, day), count in counts.items():
        yield None if count <= most else f"address {address}: {count} on {day}"


# --- opt-out -----------------------------------------------------------------------------------


@_invariant("O1", "nothing is claimed after an opt-out's commit, or at the provider 20 s after")
def _nothing_after_stop(e: Evidence) -> Iterator[Broken]:
    for seen in e.seen.opt_outs:
        for message in _to(e, seen.address_id):
            more = message.attempts - seen.claims.get(message.id, 0)
            late = more > 0 and message.key not in OPT_OUT_CONFIRMATIONS
            yield f"message {message.id} was claimed after the opt-out" if late else None
    for address in e.addresses.values():
        if address.opted_out_at is None:
            continue
        until = address.opted_out_at + _STOP_REACHES_PROVIDER + SLACK
        for message in _to(e, address.id):
            if message.key not in OPT_OUT_CONFIRMATIONS:
                late = [post for post in e.posts_of[message.id] if post.at > until]
                yield f"message {message.id} was posted at {late[0].at}" if late else None


@_invariant("O2", "an opt-out cancels what is planned and is in the audit")
def _whole_opt_out(e: Evidence) -> Iterator[Broken]:
    for address in e.addresses.values():
        if address.opted_out_at is None:
            continue
        left = [
            m
            for m in _to(e, address.id)
            if m.state is MessageState.PLANNED and m.key not in OPT_OUT_CONFIRMATIONS
        ]
        noted = e.noted(f"address:{address.id}", "opted_out")
        if left:
            yield f"message {left[0].id} is still planned"
        else:
            yield None if noted else f"address {address.id} is not in the audit"


@_invariant("O3", "every wish to stop is an opt-out, in whatever words")
def _every_stop(e: Evidence) -> Iterator[Broken]:
    for sid in e.seen.stops:
        for reply in e.replies_by_ref.get(sid, []):
            stopped = e.addresses[reply.address_id].opted_out_at is not None
            yield None if stopped and reply.opt_out else f"text {sid} stopped nothing"


@_invariant("O6", "at most one confirmation for each opt-out")
def _one_confirmation(e: Evidence) -> Iterator[Broken]:
    for address in e.addresses.values():
        told = [m for m in _to(e, address.id) if m.key in OPT_OUT_CONFIRMATIONS and m.provider_ref]
        asked = len(e.noted(f"address:{address.id}", "opted_out"))
        if told or asked:
            yield None if len(told) <= asked else f"address {address.id}: {len(told)}"


# --- time --------------------------------------------------------------------------------------


@_invariant("T1", "scheduled texts are sent inside the patient's own hours")
def _in_the_hours(e: Evidence) -> Iterator[Broken]:
    for post, message, step in _scheduled(e):
        if step.window is None:
            continue
        local = post.at.astimezone(e.zone_of(message)).replace(tzinfo=None)
        opens = datetime.combine(local.date(), step.window.opens_on(local.date()))
        closes = datetime.combine(local.date(), step.window.closes)
        well = opens - SLACK <= local < closes
        yield None if well else f"{message.key} {message.id} at {local:%a %H:%M} local"


@_invariant("T4", "a tip is sent while it is useful, or skipped with its reason")
def _no_late_tip(e: Evidence) -> Iterator[Broken]:
    for message in e.messages.values():
        if message.kind is not MessageKind.TIP:
            continue
        late = [post for post in e.posts_of.get(message.id, ()) if post.at > message.useful_until]
        yield f"tip {message.id} was posted at {late[0].at}" if late else None


@_invariant("T5", "a check-in arrives, is sent later, or becomes a call")
def _no_check_in_lost(e: Evidence) -> Iterator[Broken]:
    for message in e.messages.values():
        if message.kind is not MessageKind.CHECKIN or not _is_lost(e, message):
            continue
        yield None if e.flagged(message) else f"{message.key} {message.id} {message.state.value}"
    yield None


@_invariant("T6", "the provider may not hold a text beyond its hours")
def _not_held(e: Evidence) -> Iterator[Broken]:
    for post, message, step in _scheduled(e):
        until = datetime.fromisoformat(post.entry["valid_until"])
        ends = message.useful_until
        if step.window is not None:
            zone = e.zone_of(message)
            local = post.at.astimezone(zone)
            ends = min(ends, datetime.combine(local.date(), step.window.closes, tzinfo=zone))
        yield (
            None
            if until <= ends + _CLAIM_TO_POST + SLACK
            else f"message {message.id} until {until}"
        )


@_invariant("T9", "an answer goes out within ten minutes of what it answers")
def _prompt_answers(e: Evidence) -> Iterator[Broken]:
    received = {reply.id: reply.received_at for reply in e.replies}
    for post in e.accepted:
        message = e.messages.get(post.row) if post.row else None
        if message is not None and message.reply_id in received:
            took = post.at - received[message.reply_id]
            yield None if took <= _ANSWER_WITHIN + SLACK else f"message {message.id}: {took}"


# --- what patients write -----------------------------------------------------------------------


@_invariant("I1", "no inbound text is stored twice")
def _stored_once(e: Evidence) -> Iterator[Broken]:
    for ref, replies in e.replies_by_ref.items():
        yield None if len(replies) == 1 else f"text {ref} is stored {len(replies)} times"


@_invariant("I2", "what was acknowledged is stored")
def _acknowledged(e: Evidence) -> Iterator[Broken]:
    for entry in e.journal:
        if entry["event"] == "webhook" and str(entry["result"]).startswith("answered 2"):
            stored = e.replies_by_ref.get(entry["sid"])
            yield None if stored else f"text {entry['sid']} was acknowledged and is lost"


@_invariant("I3", "every text at the provider is stored in the end")
def _all_stored(e: Evidence) -> Iterator[Broken]:
    if e.seen.polled:
        for entry in e.inbound:
            yield None if e.replies_by_ref.get(entry["sid"]) else f"text {entry['sid']} is lost"


@_invariant("I4", "what was not read is before a person")
def _read_or_flagged(e: Evidence) -> Iterator[Broken]:
    flagged = {flag.reply_id for flag in e.flags}
    for reply in e.replies:
        well = reply.read_at is not None or reply.id in flagged
        yield None if well else f"reply {reply.id}"


@_invariant("I5", "every red reply is flagged, with its opt-out or without")
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


# --- data --------------------------------------------------------------------------------------


@_invariant("D2", "the database is whole")
def _whole(e: Evidence) -> Iterator[Broken]:
    yield from e.damage or [None]


@_invariant("D5", "the audit chain verifies, and nothing hangs outside it")
def _chain(e: Evidence) -> Iterator[Broken]:
    yield None if e.broken_at is None else f"entry {e.broken_at} does not fit"
    if e.seen.quiet:
        for entry in e.audit:
            yield None if entry.chain else f"entry {entry.id} is not chained"


# --- what several ask --------------------------------------------------------------------------


def _to(e: Evidence, address_id: UUID) -> Iterator[Message]:
    return (m for m in e.messages_to[address_id] if m.kind is not MessageKind.NOTICE)


def _scheduled(e: Evidence) -> Iterator[tuple[Post, Message, Step]]:
    """The accepted texts that are on the protocol's schedule, with their rows and steps."""
    for post in e.accepted:
        message = e.messages.get(post.row) if post.row else None
        if message is not None and message.kind not in AUTOMATIC:
            yield post, message, load_protocol(message.protocol_version).step(message.key)


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
        (other.key == message.key and other.state in _TAKEN[:2]) or other.answered_at is not None
        for other in e.messages_to[message.address_id]
        if other.session_id == message.session_id
    )
