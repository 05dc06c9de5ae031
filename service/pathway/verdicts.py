"""What an attempt means for its message: accepted, to be asked about, tried again, or ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.outcomes import (
    TRY_AGAIN,
    Accepted,
    NextStep,
    Outcome,
    Refused,
    Sending,
    Unclear,
    next_step,
)
from service.domain.values import OPT_OUT_CONFIRMATIONS, MessageState
from service.pathway.consequences import Failed
from service.pathway.other_ways import OtherWay
from service.store.claims import Claim
from service.store.outcomes import WrittenOutcome

NO_OTHER_WAY = OtherWay()
GRACE = timedelta(seconds=120)
"""How long the provider gets before it is asked about a send that ended unclear."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One claim and how handing it over ended; `segments` as we counted them."""

    claim: Claim
    outcome: Outcome
    at: datetime
    segments: int | None = None


def verdict(
    attempt: Attempt, way: OtherWay = NO_OTHER_WAY
) -> tuple[WrittenOutcome, NextStep | None]:
    """Return what the message's row becomes, and what a refusal means beyond it.

    `way` says how else a message that was refused may reach its patient.
    Waits are moved by the message's own id, so that messages refused together do not come back
    together (`reliability` S10).
    """
    claim, at = attempt.claim, attempt.at
    match attempt.outcome:
        case Accepted(ref, status, segments):
            accepted = WrittenOutcome(
                claim.id,
                claim.claim_token,
                MessageState.ACCEPTED,
                "The provider has taken it.",
                claim.send_at,
                provider_ref=ref,
                provider_status=status,
                segments=segments or attempt.segments,
                sent_at=at,
            )
            return accepted, None
        case Unclear():
            step = next_step(attempt.outcome, _sending(claim, way), now=at, jitter=0)
            unknown = WrittenOutcome(
                claim.id,
                claim.claim_token,
                step.state,
                step.reason,
                claim.send_at,
                ask_at=at + GRACE,
            )
            return unknown, None
        case Refused(code):
            jitter = claim.id.int % 256 / 256
            step = next_step(attempt.outcome, _sending(claim, way), now=at, jitter=jitter)
            refused = WrittenOutcome(
                claim.id,
                claim.claim_token,
                step.state,
                step.reason,
                max(step.retry_at, claim.send_at) if step.retry_at else claim.send_at,
                error_code=code,
            )
            return refused, step


def failed_of(claim: Claim, reason: str) -> Failed:
    """Return a claimed message as one that failed."""
    return Failed(
        id=claim.id,
        clinic_id=claim.clinic_id,
        address_id=claim.address_id,
        patient_id=claim.patient_id,
        session_id=claim.session_id,
        key=claim.key,
        reason=reason.removeprefix(TRY_AGAIN),
    )


def _sending(claim: Claim, way: OtherWay) -> Sending:
    return Sending(
        kind=claim.kind,
        channel=claim.channel,
        attempts=claim.attempts,
        # A try beyond this window would be one at night: it ends, and a person is told.
        useful_until=claim.send_before,
        can_email=way.can_email,
        covered=way.covered,
        confirms_opt_out=claim.key in OPT_OUT_CONFIRMATIONS,
    )
