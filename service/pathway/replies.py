"""Takes in what a patient wrote: stored once, read at once, put before a person when it must be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from service.domain.triage.keywords import keyword_of
from service.domain.triage.readings import Answer, Circumstances, Reading
from service.domain.triage.ticks import PageAnswer, read_spoken, with_ticks
from service.domain.values import Channel, Level
from service.pathway.answered import follow_in_plan
from service.pathway.answers import plan_answer
from service.pathway.correspondents import JOINED, Correspondent, circumstances, who_wrote
from service.pathway.flagging import Raised, raise_flag, waiting_flag
from service.pathway.optouts import opt_out, pause, reopen
from service.pathway.questions import hear, waiting_at, when_to_act
from service.pathway.rules import Rules
from service.pathway.shared_phones import sort_out
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Address, address_for
from service.store.replies import Reply, replies_since, reply_by_ref

__all__ = ["Incoming", "Rules", "receive"]

log = structlog.get_logger(__name__)

_CLARIFIES = (Answer.CLARIFY, Answer.CLARIFY_SIGNS)


@dataclass(frozen=True)
class Incoming:
    """One text, email or answered page, as the provider handed it over.

    `provider_ref` is the provider's own id; the same one never counts twice. `media` holds
    references to photos and voice notes. `provider_confirms` is True when the provider answers an
    opt-out itself, so that we must not. `about` is our message that it certainly answers. `page`
    is what was ticked and written, when it came from a page; `body` holds the same as text.
    """

    channel: Channel
    provider: str
    provider_ref: str
    sender_address: str
    body: str
    media: tuple[dict[str, str], ...]
    received_at: datetime
    provider_confirms: bool = False
    about: UUID | None = None
    page: PageAnswer | None = None


def receive(db: Session, clinic: Clinic, incoming: Incoming, rules: Rules) -> Reply | None:
    """Store a reply and do all that follows from it; None for one that was stored before.

    Everything is one transaction, the caller's: opt-out, flag, answer and audit are committed with
    the reply, or none of them is (`reliability` I1, I5, O2, O5).
    """
    address = _locked_address(db, clinic, incoming)
    if reply_by_ref(db, incoming.provider, incoming.provider_ref):
        return None
    reply = _unread(clinic, address, incoming)
    about = db.get(Message, incoming.about) if incoming.about else None
    who = who_wrote(db, address, incoming.received_at, about)
    sorted_out = sort_out(db, who, reply, incoming.received_at)
    if sorted_out is not None:
        who = sorted_out.who
    _tie(reply, who)
    reading = _read(db, reply, who, incoming, rules, sorted_out.text if sorted_out else None)
    _note(reply, reading)
    db.add(reply)
    db.flush()
    if not reading.no_answer:
        answered = not _left_open(reading, who)
        follow_in_plan(db, clinic, who, incoming.received_at, answered=answered)
    waiting = waiting_at(db, address.id)
    raised = None
    if _needs_a_person(reading, who):
        raised = raise_flag(db, clinic, reply, who, reading, rules, reply.received_at)
    elif reading.signs and (flag := waiting_flag(db, who)):
        raised = Raised(flag, added=True)
    just_opted_out = _follow_wishes(db, address, reading, incoming)
    reply.answer = plan_answer(
        db,
        clinic,
        reply,
        who,
        reading,
        raised,
        rules,
        just_opted_out=just_opted_out and not incoming.provider_confirms,
        call_not_promised=any(earlier.answer == Answer.SIGNS for earlier in waiting),
    )
    hear(waiting, reading, raised)
    reply.act_at = when_to_act(reply.answer, reading.level, raised, reply.received_at)
    db.flush()
    return reply


def _locked_address(db: Session, clinic: Clinic, incoming: Incoming) -> Address:
    # Locked, so that the same text is not taken in twice at once (I1), and an opt-out waits (O2).
    address = address_for(
        db,
        clinic.id,
        incoming.channel,
        incoming.sender_address,
        incoming.received_at,
        lock=True,
    )
    # Whoever writes from there can be written to there, whatever a provider said before.
    address.landline_at = address.failing_since = address.failing_because = None
    return address


def _unread(clinic: Clinic, address: Address, incoming: Incoming) -> Reply:
    return Reply(
        id=new_id(),
        clinic_id=clinic.id,
        channel=incoming.channel,
        provider=incoming.provider,
        provider_ref=incoming.provider_ref,
        address_id=address.id,
        body=incoming.body,
        media=list(incoming.media) or None,
        received_at=incoming.received_at,
        opt_out=False,
    )


def _tie(reply: Reply, who: Correspondent) -> None:
    reply.patient_id = who.patient.id if who.patient else None
    reply.session_id = who.session.id if who.session else None
    reply.checkin_id = who.checkin.id if who.checkin and who.checkin_open else None


def _read(
    db: Session,
    reply: Reply,
    who: Correspondent,
    incoming: Incoming,
    rules: Rules,
    waited: str | None,
) -> Reading:
    """Read a reply with those just before it; `waited` is what a name has now given an owner."""
    around = circumstances(
        db,
        who,
        incoming.received_at,
        has_media=bool(incoming.media),
        chest_adjacent=rules.chest_adjacent,
    )
    earlier = [
        other.body
        for other in replies_since(db, who.address.id, incoming.received_at - JOINED)
        if other.body and waited is None
    ]
    try:
        reading = _own_words(incoming, waited, around, rules)
        # Letters answer our own question; they are no piece of the text before it.
        if earlier and not reading.signs:
            joined = "\n".join([*earlier, incoming.body])
            together = rules.read_reply(joined, around)
            reading = _more_worrying(reading, _from(together, joined, incoming.body))
        if waited is not None:
            reading = _from(reading, waited, incoming.body)
    except Exception as error:
        # A reply that cannot be read still needs a person (I4); its text must not reach the log.
        log.error("triage_failed", reply=str(reply.id), error=type(error).__name__)
        reading = _unreadable(incoming.body)
    if incoming.page:
        reading = with_ticks(reading, incoming.page, around)
    reading = _not_asked_twice(reading, who)
    return _with_what_we_know(reading, who, has_media=bool(incoming.media))


def _own_words(
    incoming: Incoming, waited: str | None, around: Circumstances, rules: Rules
) -> Reading:
    if incoming.page and waited is None:
        return read_spoken(incoming.page, around, rules.read_reply)
    return rules.read_reply(incoming.body if waited is None else waited, around)


def _from(reading: Reading, text: str, body: str) -> Reading:
    """Count the characters of what was found in a longer text from where its last words begin.

    What was found before them was said in another reply, which is marked there.
    """
    skipped = len(text) - len(body) if text.endswith(body) else len(text)
    findings = tuple(
        replace(one, start=max(0, one.start - skipped), end=one.end - skipped)
        for one in reading.findings
        if one.end > skipped
    )
    return replace(reading, findings=findings)


def _more_worrying(own: Reading, joined: Reading) -> Reading:
    """Return the reading of a text in the light of those just before it: its level only rises."""
    if joined.level.rank >= own.level.rank:
        return own
    return replace(
        joined,
        categories=tuple(dict.fromkeys((*own.categories, *joined.categories))),
        score=own.score if own.score is not None else joined.score,
        opt_out=own.opt_out,
        doubtful_opt_out=own.doubtful_opt_out,
        keyword=own.keyword,
    )


def _not_asked_twice(reading: Reading, who: Correspondent) -> Reading:
    """Settle a doubt upward when asking once more leads nowhere, or nobody can be asked."""
    categories = reading.categories
    stopped = who.address.opted_out_at is not None
    if "safety_check" in categories and (stopped or reading.opt_out):
        return _risen(reading, Level.EMERGENCY, Answer.EMERGENCY)
    if reading.answer is Answer.CLARIFY_SIGNS and (
        stopped or who.last_question == Answer.CLARIFY_SIGNS
    ):
        risen = _risen(reading, Level.URGENT, Answer.URGENT)
        return replace(risen, categories=tuple(dict.fromkeys(("nerve", *categories))))
    if reading.answer is Answer.CLARIFY and (stopped or who.clarified):
        risen = _risen(reading, Level.ROUTINE, Answer.ROUTINE)
        return replace(risen, categories=tuple(dict.fromkeys((*categories, "unclear"))))
    return reading


def _risen(reading: Reading, level: Level, answer: Answer) -> Reading:
    return replace(
        reading,
        level=min(reading.level, level, key=lambda one: one.rank),
        answer=reading.answer if reading.opt_out else answer,
    )


def _unreadable(body: str) -> Reading:
    # A plain STOP is obeyed even when triage fails (`reliability` O3).
    stops = keyword_of(body) == "stop"
    return Reading(
        level=Level.ROUTINE,
        categories=("unclear",),
        score=None,
        opt_out=stops,
        findings=(),
        signs=(),
        answer=Answer.STOP if stops else Answer.ROUTINE,
        rules_version="",
    )


def _with_what_we_know(reading: Reading, who: Correspondent, *, has_media: bool) -> Reading:
    """Add what makes any reply a person's business: a photo, a stranger, a shared number (I6)."""
    added = [
        category
        for category, holds in (
            ("photo", has_media),
            ("unknown_sender", not who.known and not reading.no_answer),
            ("shared_phone", who.known and who.patient is None and not reading.no_answer),
            ("opt_out_doubtful", reading.doubtful_opt_out),
        )
        if holds
    ]
    answer = reading.answer
    if reading.opt_out and answer not in (Answer.STOP, Answer.STOP_SERIOUS):
        answer = Answer.STOP
    if reading.opt_out and reading.level is Level.EMERGENCY:
        answer = Answer.STOP_SERIOUS
    if added and reading.level is Level.OK:
        if has_media and not reading.opt_out:
            answer = Answer.PHOTO
        reading = replace(reading, level=Level.ROUTINE)
    categories = tuple(dict.fromkeys((*reading.categories, *added)))
    return replace(reading, categories=categories, answer=answer)


def _note(reply: Reply, reading: Reading) -> None:
    reply.categories = list(reading.categories)
    reply.score = reading.score
    reply.opt_out = reading.opt_out
    if not reading.rules_version:
        return
    reply.level = reading.level
    reply.rules_version = reading.rules_version
    reply.read_at = reply.received_at
    reply.findings = [
        {
            "category": finding.category,
            "level": finding.level.value,
            "cue": finding.cue,
            "start": finding.start,
            "end": finding.end,
            "dropped": finding.dropped,
        }
        for finding in reading.findings
    ]


def asks_first(reading: Reading) -> bool:
    """Does an unclear reply get a question back before it becomes a person's (C2 `unclear`)?"""
    return reading.level is Level.ROUTINE and reading.answer in _CLARIFIES


def _left_open(reading: Reading, who: Correspondent) -> bool:
    """An auto-reply, a bare STOP, or what we must ask about has not answered the check-in."""
    bare_stop = reading.opt_out and reading.level is Level.OK and reading.score is None
    unclear = reading.no_answer or reading.answer in _CLARIFIES
    return not who.checkin_open or unclear or bare_stop


def _needs_a_person(reading: Reading, who: Correspondent) -> bool:
    if reading.level is Level.OK:
        return False
    known_only = not {"photo", "opt_out_doubtful"} & set(reading.categories)
    return not (asks_first(reading) and who.patient is not None and known_only)


def _follow_wishes(db: Session, address: Address, reading: Reading, incoming: Incoming) -> bool:
    """Stop, pause or reopen the address; return whether it was opted out just now."""
    now = incoming.received_at
    if reading.opt_out:
        return opt_out(db, address, "text", now)
    if reading.answer is Answer.WRONG_NUMBER:
        pause(db, address, "wrong number", now)
    elif reading.doubtful_opt_out:
        pause(db, address, "may want no more messages", now)
    elif reading.keyword == "start" and not _stopped_since(address, now):
        reopen(db, address, "text", now)
    return False


def _stopped_since(address: Address, at: datetime) -> bool:
    """Was the address opted out after `at`? A text can be heard of late, and out of order."""
    return address.opted_out_at is not None and address.opted_out_at > at
