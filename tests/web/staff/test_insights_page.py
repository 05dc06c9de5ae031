"""Insights: figures about the clinic's own sessions, for its admins, of groups large enough."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.values import (
    CallOutcome,
    Channel,
    FlagState,
    Language,
    Level,
    MessageState,
    Role,
)
from service.pathway.undoing import UNDONE
from service.store.audit import AuditEntry
from service.store.clinics import Clinic
from service.store.flags import Call, Flag
from service.store.patients import Patient, address_for
from service.store.replies import Reply
from service.store.sessions import TreatmentSession
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_message, a_session
from tests.web.staff.browsing import a_person, sign_in

HOUR = timedelta(hours=1)


def treated(db: Session, clinic: Clinic, count: int, **details: Any) -> list[TreatmentSession]:
    """Add sessions of as many patients, two days ago."""
    made = []
    for number in range(count):
        phone = f"+1713555{details.get('first', 0) + number:04}"
        address = address_for(db, clinic.id, Channel.SMS, phone, NOON)
        patient = Patient(
            clinic_id=clinic.id,
            first_name="Ana",
            language=Language.EN,
            channel=Channel.SMS,
            phone_address_id=address.id,
            created_at=NOON,
        )
        db.add(patient)
        db.flush()
        session = a_session(db, patient)
        session.created_by = details.get("by", "Sam Nguyen")
        session.regions = details.get("regions", ["low_back"])
        made.append(session)
    return made


def asked(db: Session, session: TreatmentSession, score: int | None, **more: Any) -> None:
    """Add a check-in two hours ago, and the score that came back an hour later."""
    patient = db.get_one(Patient, session.patient_id)
    given: dict[str, Any] = {
        "state": MessageState.DELIVERED,
        "reason": "It arrived.",
        "segments": 2,
    }
    checkin = a_message(db, session, patient, "checkin_48h", **(given | more))
    if score is None:
        return
    checkin.answered_at = NOON - HOUR
    db.add(
        Reply(
            clinic_id=session.clinic_id,
            channel=Channel.SMS,
            provider="twilio",
            provider_ref=f"SM{checkin.id}",
            address_id=patient.phone_address_id,
            patient_id=patient.id,
            session_id=session.id,
            received_at=NOON - HOUR,
            read_at=NOON - HOUR,
            level=Level.OK,
            score=score,
        )
    )


def flagged(db: Session, session: TreatmentSession, after: timedelta | None) -> None:
    """Add an urgent flag due in two hours, and the call that was made `after` it."""
    flag = Flag(
        clinic_id=session.clinic_id,
        patient_id=session.patient_id,
        session_id=session.id,
        kind="reply",
        level=Level.URGENT,
        categories=["nerve", "question"],
        reason="numb",
        raised_at=NOON - 4 * HOUR,
        due_at=NOON - 2 * HOUR,
        state=FlagState.OPEN,
    )
    db.add(flag)
    db.flush()
    if after is None:
        return
    made_at = flag.raised_at + after
    db.add(
        Call(
            clinic_id=flag.clinic_id,
            flag_id=flag.id,
            outcome=CallOutcome.URGENT_CARE,
            made_by="Alex",
            made_at=made_at,
        )
    )
    flag.state, flag.outcome = FlagState.CLOSED, CallOutcome.URGENT_CARE
    flag.closed_by, flag.closed_at = "Alex", made_at


@pytest.fixture
def six(sessions, alex):
    """Six patients of Sam's; another clinic has six as well, all worse."""
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        for number, session in enumerate(treated(db, clinic, 6)):
            asked(db, session, [1, 2, 3, 4, 8, None][number])
            if number < 5:
                flagged(db, session, timedelta(minutes=30 * number + 30) if number < 4 else None)
        other = a_clinic(db, name="Other", sender="+12815550009")
        for session in treated(db, other, 6, by="Somebody Else"):
            asked(db, session, 10)
            flagged(db, session, None)


def figures(browser: Any, query: str = "") -> dict[tuple[str, str, str], str]:
    answer = browser.get(f"/insights/figures.csv{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline=""))
    return {(section, group, measure): value for section, group, measure, value in rows}


def test_the_figures_are_of_the_clinics_own_sessions(admin, six):
    told = figures(admin)

    assert told["chosen", "", "sessions"] == "6"
    assert told["check-ins", "checkin_48h", "answered, percent"] == "83"
    assert told["soreness by hours", "24-48 h", "middle"] == "3"
    assert told["soreness by hours", "24-48 h", "severe"] == "1"
    assert told["soreness by hours", "0-24 h", "scores"] == "under 5 patients"
    assert told["soreness by region", "low_back", "answers"] == "5"
    assert told["delivery", "sms", "segments"] == "12"


def test_calls_are_measured_against_the_promised_time(admin, six):
    told = figures(admin)

    assert told["calls", "urgent", "flags"] == "5"
    assert told["calls", "urgent", "in time"] == "4"
    assert told["calls", "urgent", "late waiting"] == "1"
    assert told["calls", "urgent", "in time, percent"] == "80"
    assert told["calls", "urgent", "first call, middle"] == "1 h"
    assert told["calls", "urgent", "first call, nine in ten within"] == "2 h"


def test_the_register_counts_events_and_leaves_questions_out(admin, six):
    told = figures(admin)

    assert told["adverse events", "Numb or tingling", "urgent"] == "5"
    assert told["adverse events", "Numb or tingling", "sent to care"] == "4"
    assert told["adverse events", "Numb or tingling", "sessions in a hundred"] == "83.3"
    assert not [group for section, group, _ in told if group == "Question"]


def test_a_few_patients_have_no_share_and_no_picture(admin, sessions, alex):
    with sessions.begin() as db:
        for session in treated(db, db.get_one(Clinic, alex.clinic_id), 4):
            asked(db, session, 9)
            flagged(db, session, None)

    page, told = admin.get("/insights").text, figures(admin)

    assert "fewer than 5 patients" in page
    assert '<svg class="picture"' not in page
    assert told["check-ins", "checkin_48h", "answered, percent"] == "under 5 patients"
    assert told["soreness by region", "low_back", "scores"] == "under 5 patients"
    assert told["adverse events", "Numb or tingling", "sessions in a hundred"] == "under 5 patients"
    assert told["adverse events", "Numb or tingling", "urgent"] == "4"


def test_a_therapist_a_region_and_dates_are_chosen(admin, six, sessions, alex):
    with sessions.begin() as db:
        clinic = db.get_one(Clinic, alex.clinic_id)
        treated(db, clinic, 1, first=100, by="=cmd()", regions=["low_back_upper", "neck"])
        undone = treated(db, clinic, 1, first=200)[0]
        undone.state_reason = UNDONE

    assert figures(admin)["chosen", "", "sessions"] == "7"
    assert figures(admin, "?region=low_back")["chosen", "", "sessions"] == "6"
    assert figures(admin, "?region=neck")["chosen", "", "sessions"] == "1"
    told = figures(admin, "?by=%3Dcmd()")
    assert told["chosen", "", "sessions"] == "1"
    assert told["chosen", "", "recorded by"] == "'=cmd()"
    assert figures(admin, "?from=2026-03-02")["chosen", "", "sessions"] == "0"
    assert figures(admin, "?from=2026-03-01&to=2026-03-01")["chosen", "", "sessions"] == "7"


def test_failed_messages_are_told_by_reason(admin, sessions, alex):
    with sessions.begin() as db:
        (session,) = treated(db, db.get_one(Clinic, alex.clinic_id), 1)
        asked(db, session, None, state=MessageState.UNDELIVERED, error_code=30005, segments=1)

    page = admin.get("/insights").text

    assert "This number is not in service." in page
    assert "text 30005" in page


@pytest.mark.parametrize(
    "query", ["from=tomorrow", "from=2026-03-03&to=2026-03-01", "from=2001-01-01", "to=0001-01-01"]
)
def test_dates_that_are_none_are_told_and_the_usual_is_shown(admin, six, query):
    answer = admin.get(f"/insights?{query}")

    assert answer.status_code == 422
    assert "The last three months are shown." in answer.text
    assert 'value="2026-03-03"' in answer.text


def test_without_sessions_the_page_says_what_to_do(admin):
    assert "No sessions" in admin.get("/insights").text


def test_insights_are_for_admins_and_taking_them_away_is_written_down(
    admin, therapist, six, sessions
):
    assert therapist.get("/insights").status_code == 403
    assert therapist.get("/insights/figures.csv").status_code == 403
    assert "/insights" not in therapist.get("/today").text

    figures(admin)

    with sessions() as db:
        (entry,) = db.scalars(
            select(AuditEntry).where(AuditEntry.action == "insights_exported")
        ).all()
    assert entry.actor == "Alex Rivera"


def test_another_clinics_admin_sees_nothing_of_it(new_browser, sessions, six):
    with sessions.begin() as db:
        elsewhere = a_clinic(db, name="Third", sender="+12815550008")
        a_person(db, elsewhere, "lee@third.example", Role.ADMIN, name="Lee")
    browser = new_browser()
    sign_in(browser, "lee@third.example")

    assert figures(browser)["chosen", "", "sessions"] == "0"
    assert "Sam Nguyen" not in browser.get("/insights").text
