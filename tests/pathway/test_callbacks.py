"""A flag is one person's at a time, stays within its clinic, and ends only with a call."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import CallOutcome, FlagState
from service.pathway.callbacks import (
    FlagAlreadyClosed,
    FlagNotFound,
    FlagOwnedBySomebodyElse,
    own,
    record_call,
)
from service.pathway.replies import receive
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.engine import Sessions
from service.store.flags import Call, Flag
from tests.make import NOON, a_clinic
from tests.pathway.builders import URGENT, a_patient, a_text, rules_that_read

LATER = NOON + timedelta(minutes=20)


def a_flag(db: Session) -> tuple[Clinic, Flag]:
    clinic = a_clinic(db)
    a_patient(db, clinic)
    receive(db, clinic, a_text("numb"), rules_that_read(URGENT))
    return clinic, db.scalars(select(Flag)).one()


def call(db: Session, clinic_id: UUID, flag: Flag, outcome: CallOutcome) -> Flag:
    return record_call(db, clinic_id, flag.id, outcome, "a note", "maria", NOON, LATER)


def test_taking_a_flag_ends_its_escalation(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        own(db, clinic.id, flag.id, "maria", NOON)

        assert (flag.state, flag.owner) == (FlagState.OWNED, "maria")
        assert flag.escalate_at is None


def test_a_flag_somebody_has_cannot_be_taken_by_another(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        own(db, clinic.id, flag.id, "maria", NOON)

        with pytest.raises(FlagOwnedBySomebodyElse) as refused:
            own(db, clinic.id, flag.id, "joe", NOON)
        assert refused.value.owner == "maria"
        assert flag.owner == "maria"


def test_another_clinics_flag_is_not_found(sessions: Sessions) -> None:
    with sessions.begin() as db:
        _, flag = a_flag(db)
        other = a_clinic(db, name="Other", sender="+12815550009")

        with pytest.raises(FlagNotFound):
            own(db, other.id, flag.id, "maria", NOON)
        with pytest.raises(FlagNotFound):
            call(db, other.id, flag, CallOutcome.REACHED)
        assert flag.state is FlagState.OPEN


@pytest.mark.parametrize("outcome", [outcome for outcome in CallOutcome if outcome.closes])
def test_a_patient_who_was_reached_closes_the_flag(
    sessions: Sessions, outcome: CallOutcome
) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, outcome)
    with sessions() as db:
        closed = db.scalars(select(Flag)).one()
        assert (closed.state, closed.outcome) == (FlagState.CLOSED, outcome)
        assert (closed.closed_by, closed.closed_at) == ("maria", NOON)
        assert db.scalars(select(Call)).one().note == "a note"
        assert "call_recorded" in [entry.action for entry in db.scalars(select(AuditEntry))]


@pytest.mark.parametrize("outcome", [CallOutcome.VOICEMAIL, CallOutcome.NO_ANSWER])
def test_a_call_that_reached_nobody_sets_the_next_try(
    sessions: Sessions, outcome: CallOutcome
) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, outcome)

        assert flag.state is FlagState.OWNED
        assert (flag.tries, flag.next_try_at) == (1, LATER)
        assert flag.outcome is None


def test_a_closed_flag_is_neither_taken_nor_called_about_again(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic, flag = a_flag(db)
        call(db, clinic.id, flag, CallOutcome.REACHED)

        with pytest.raises(FlagAlreadyClosed):
            own(db, clinic.id, flag.id, "joe", NOON)
        with pytest.raises(FlagAlreadyClosed):
            call(db, clinic.id, flag, CallOutcome.ADVISED)
