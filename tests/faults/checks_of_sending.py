"""Sending (`reliability` 2.1): nothing twice, nothing from nowhere, each text its row's own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from service.domain.protocol import load_protocol
from service.domain.values import (
    MessageState,
)
from service.store.messages import Message
from tests.faults.evidence import SLACK, Evidence, Post
from tests.faults.invariants import Broken, invariant
from tests.faults.steps import ANSWER_SECONDS

_AT_AN_END = (
    MessageState.ACCEPTED,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.REFUSED,
    MessageState.SKIPPED,
    MessageState.CANCELLED,
    MessageState.UNKNOWN,
)
_LONGEST_CALL = ANSWER_SECONDS + 1.5
"""A busy machine may be late to notice that the time is over."""
CLAIM_TO_POST = timedelta(seconds=20)


@invariant("S1", "the provider took no message twice")
def _nothing_twice(e: Evidence) -> Iterator[Broken]:
    counts = Counter(post.row for post in e.accepted if post.row)
    for row, count in counts.items():
        yield f"message {row} was taken {count} times" if count > 1 else None


@invariant("S2", "a message is posted by the holder of a claim, after the claim")
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


@invariant("S3", "posted again only after a sure refusal, or two noes of the provider")
def _posted_again_for_a_reason(e: Evidence) -> Iterator[Broken]:
    for row, posts in e.posts_of.items():
        said_no = [entry.at for entry in e.noted(f"message:{row}", "not_sent")]
        for before, after in itertools.pairwise(posts):
            asked = any(before.at <= at <= after.at + SLACK for at in said_no)
            well = before.certainly_not_taken or asked
            yield None if well else f"message {row} was posted again at {after.at}"


@invariant("S4", "the database itself refuses doubles")
def _unique_indexes(e: Evidence) -> Iterator[Broken]:
    yield from e.missing_indexes or [None]


@invariant("S5", "number, sender and words are the row's own")
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


@invariant("S6", "every text at the provider is one row's, and the other way round")
def _one_to_one(e: Evidence) -> Iterator[Broken]:
    rows = {m.provider_ref: m for m in e.messages.values() if m.provider_ref is not None}
    sids = {post.entry["sid"]: post for post in e.accepted}
    for sid, post in sids.items():
        message = rows.get(sid)
        owned = message is not None and _may_be_its_text(e, message, post)
        # One that ended unknown, before a person's eyes, may be at the provider or not.
        doubtful = post.row in e.messages and _is_told_unknown(e, e.messages[post.row])
        yield None if owned or doubtful else f"text {sid} of message {post.row} is not linked"
    for message in rows.values():
        yield None if message.provider_ref in sids else f"message {message.id} names no text"


def _may_be_its_text(e: Evidence, message: Message, post: Post) -> bool:
    """Is it the row's text, or one to the same number in the very same words?

    When both were in doubt, nobody can tell which of two like texts the provider took.
    """
    other = e.messages.get(post.row) if post.row else None
    return other is not None and (
        other.id == message.id
        or (other.address_id == message.address_id and e.words_of(other) == e.words_of(message))
    )


def _is_told_unknown(e: Evidence, message: Message) -> bool:
    return message.state is MessageState.UNKNOWN and (
        e.flagged(message) or message.answered_at is not None
    )


@invariant("S7", "callbacks in any order end in the provider's own last word")
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


@invariant("S8", "no more than 20 s from claim to post")
def _posted_soon(e: Evidence) -> Iterator[Broken]:
    for row, posts in e.posts_of.items():
        message = e.messages.get(row)
        if message is not None and message.claimed_at is not None and message.attempts == 1:
            took = posts[-1].at - message.claimed_at
            yield None if took <= CLAIM_TO_POST + SLACK else f"message {row}: {took}"


@invariant("S8", "no call to the provider outlasts its time")
def _calls_end(e: Evidence) -> Iterator[Broken]:
    for seconds in e.seen.calls:
        yield None if seconds <= _LONGEST_CALL else f"a call took {seconds:.1f} s"


@invariant("S9", "every message comes to an end that explains itself")
def _comes_to_an_end(e: Evidence) -> Iterator[Broken]:
    for message in e.messages.values():
        if not e.seen.quiet and message.state not in _AT_AN_END:
            continue
        well = message.state in _AT_AN_END and message.reason
        yield None if well else f"message {message.id} is still {message.state.value}"


@invariant("S11", "no more scheduled texts a day than the protocol allows")
def _not_too_many(e: Evidence) -> Iterator[Broken]:
    counts: Counter[tuple[object, object]] = Counter()
    most = 0
    for post, message, step in e.scheduled():
        limits = load_protocol(message.protocol_version).limits
        most = max(most, *limits.texts_a_day)
        if not step.outside_limits:
            counts[message.address_id, post.at.astimezone(e.zone_of(message)).date()] += 1
    for (address, day), count in counts.items():
        yield None if count <= most else f"address {address}: {count} on {day}"
