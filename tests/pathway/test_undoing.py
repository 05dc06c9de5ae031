"""An undone card leaves the session before it as it would have been without the card."""

from datetime import timedelta

from sqlalchemy import select

from service.domain.values import MessageState, SessionState
from service.pathway.answered import ANSWERED
from service.pathway.enrolment import SUPERSEDED
from service.pathway.undoing import undo
from service.store import audit
from service.store.messages import Message
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_patient, a_sent_checkin, a_session

SAVED = NOON - timedelta(minutes=2)
TAKEN_OVER = {"state": MessageState.CANCELLED, "reason": SUPERSEDED}


def a_card_by_mistake(db, patient, older: TreatmentSession) -> TreatmentSession:
    """A newer session that took over two minutes ago."""
    newer = a_session(db, patient)
    newer.created_at = SAVED
    older.state, older.state_reason = SessionState.SUPERSEDED, SUPERSEDED
    audit.record(
        db,
        clinic_id=patient.clinic_id,
        at=SAVED,
        actor="lee",
        action="session_superseded",
        subject=f"treatment_session:{older.id}",
    )
    db.flush()
    return newer


def test_what_was_answered_meanwhile_is_not_asked_again(sessions):
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        older = a_session(db, patient)
        a_sent_checkin(db, older, patient).answered_at = NOON - timedelta(minutes=1)
        a_message(db, older, patient, "nudge_48h", **TAKEN_OVER)
        a_message(db, older, patient, "checkin_96h", **TAKEN_OVER)
        newer = a_card_by_mistake(db, patient, older)

        undone = undo(db, clinic.id, newer.id, by="lee", now=NOON)

    assert undone.resumed == 1
    with sessions() as db:
        rows = {row.key: row for row in db.scalars(select(Message))}
    assert rows["checkin_96h"].state is MessageState.PLANNED
    nudge = rows["nudge_48h"]
    assert (nudge.state, nudge.reason) == (MessageState.CANCELLED, ANSWERED)
