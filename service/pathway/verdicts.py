"""What an attempt to send means for its message, its address and its clinic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.domain.values import MessageState
from service.store import audit
from service.store.claims import Claim, WrittenOutcome
from service.store.clinics import Clinic
from service.store.patients import Address

GRACE = timedelta(seconds=120)
"""How long the provider gets before it is asked about a send that ended unclear."""

_OPTED_OUT = frozenset({21610})
_NOT_A_MOBILE = frozenset({21614})
_SENDER_REFUSED = frozenset({20003, 30034})
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One claim and how handing it over ended; `segments` as we counted them."""

    claim: Claim
    outcome: Outcome
    at: datetime
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a refusal. `retry_at` None: the message is not tried again."""

    reason: str
    retry_at: datetime | None = None
    opts_out: bool = False
    is_landline: bool = False
    stops_sender: bool = False


Judge = Callable[[Claim, Refused, datetime], Step]


def step_after(claim: Claim, refused: Refused, now: datetime) -> Step:
    """Return what follows from a refusal (`reliability.md` S9, S10).

    Each wait is twice the one before, and moved by up to a quarter by the message's own id, so
    that messages refused together do not come back together.
    """
    if refused.code in _OPTED_OUT:
        return Step("the provider says this number has opted out", opts_out=True)
    if refused.code in _NOT_A_MOBILE:
        return Step("this number cannot receive texts", is_landline=True)
    stops_sender = refused.code in _SENDER_REFUSED
    if refused.retry_after is None and not stops_sender:
        return Step(refused.reason)
    wait = min(5.0 * 2 ** min(claim.attempts, 12), _LONGEST_WAIT)
    wait = max(wait * (1 + claim.id.int % 256 / 1024), refused.retry_after or 0.0)
    return Step(refused.reason, now + timedelta(seconds=wait), stops_sender=stops_sender)


def verdict(attempt: Attempt, judge: Judge) -> tuple[WrittenOutcome, Step | None]:
    """Return what the message's row becomes, and what a refusal means beyond it."""
    claim, at = attempt.claim, attempt.at
    match attempt.outcome:
        case Accepted(ref, status, segments):
            accepted = WrittenOutcome(
                claim.id,
                claim.claim_token,
                MessageState.ACCEPTED,
                "accepted by the provider",
                claim.send_at,
                provider_ref=ref,
                provider_status=status,
                segments=segments or attempt.segments,
                sent_at=at,
            )
            return accepted, None
        case Unclear(why):
            unknown = WrittenOutcome(
                claim.id,
                claim.claim_token,
                MessageState.UNKNOWN,
                f"not known whether it was sent: {why}",
                claim.send_at,
                ask_at=at + GRACE,
            )
            return unknown, None
        case Refused() as refused:
            step = judge(claim, refused, at)
            return _refused(claim, refused, step), step


def carry_out(db: Session, attempt: Attempt, step: Step) -> None:
    """Note on the address and the clinic what a refusal taught us about them."""
    claim, at = attempt.claim, attempt.at
    address = db.get(Address, claim.address_id, with_for_update=True)
    if address is not None and step.opts_out and address.opted_out_at is None:
        address.opted_out_at, address.opted_out_by = at, "provider"
        _note(db, attempt, "opted_out", f"address:{address.id}", step.reason)
    if address is not None and step.is_landline and address.landline_at is None:
        address.landline_at = at
        _note(db, attempt, "landline_found", f"address:{address.id}", step.reason)
    if step.stops_sender:
        clinic = db.get(Clinic, claim.clinic_id, with_for_update=True)
        if clinic is not None and clinic.sending_stopped_at is None:
            clinic.sending_stopped_at, clinic.sending_stopped_because = at, step.reason
            _note(db, attempt, "sending_stopped", f"clinic:{clinic.id}", step.reason)


def _refused(claim: Claim, refused: Refused, step: Step) -> WrittenOutcome:
    if step.retry_at is not None and step.retry_at < claim.send_before:
        return WrittenOutcome(
            claim.id,
            claim.claim_token,
            MessageState.PLANNED,
            f"to be tried again: {step.reason}",
            max(step.retry_at, claim.send_at),
            error_code=refused.code,
        )
    return WrittenOutcome(
        claim.id,
        claim.claim_token,
        MessageState.REFUSED,
        step.reason,
        claim.send_at,
        error_code=refused.code,
    )


def _note(db: Session, attempt: Attempt, action: str, subject: str, reason: str) -> None:
    audit.record(
        db,
        clinic_id=attempt.claim.clinic_id,
        at=attempt.at,
        actor="provider",
        action=action,
        subject=subject,
        reason=reason,
        message=str(attempt.claim.id),
    )
