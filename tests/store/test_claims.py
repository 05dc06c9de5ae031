"""Claims: one worker a message, never after a STOP, and nothing overwritten from the dead."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from service.domain.values import LANE_TIP, Channel, Level, MessageKind, MessageState
from service.store.claims import (
    Claim,
    claim,
    past_their_window,
    skip_tips_of_the_flagged,
    what_is_due,
)
from service.store.engine import Sessions, open_engine, open_sessions
from service.store.messages import Message
from service.store.outcomes import WrittenOutcome, expire_leases, write_outcomes
from service.store.secrets import Vault
from tests.make import NOON, a_clinic
from tests.pathway.make import a_flag, a_message, a_patient_at, an_address, stored
from tests.system.house import until

AHEAD = timedelta(seconds=1)
LEASE = NOON + timedelta(seconds=60)


def claim_checkins(db: Session, clinic_id: UUID, limit: int = 10) -> list[Claim]:
    return claim(db, clinic_id, 1, Channel.SMS, limit, NOON, AHEAD, LEASE)


def accepted(one: Claim, ref: str = "SM1") -> WrittenOutcome:
    return WrittenOutcome(
        one.id,
        one.claim_token,
        MessageState.ACCEPTED,
        "accepted by the provider",
        one.send_at,
        provider_ref=ref,
        sent_at=NOON,
    )


def test_a_due_message_is_claimed_with_all_that_sending_needs(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        message = a_message(db, clinic, an_address(db, clinic), slots={"name": "Ana"})
    with sessions.begin() as db:
        [claimed] = claim_checkins(db, clinic.id)
    assert claimed.id == message.id
    assert claimed.recipient == "+12815550123"
    assert claimed.slots == {"name": "Ana"}
    assert claimed.attempts == 1
    row = stored(sessions, message.id)
    assert (row.state, row.claim_token, row.lease_until) == (
        MessageState.CLAIMED,
        claimed.claim_token,
        LEASE,
    )


def test_a_claim_takes_only_its_clinics_lane_and_each_goes_to_its_own_number(
    sessions: Sessions,
) -> None:
    numbers = ["+12815550101", "+12815550102", "+12815550103"]
    with sessions.begin() as db:
        ours = a_clinic(db)
        other = a_clinic(db, name="Other", sender="+12815550009")
        wanted = {
            a_message(db, ours, an_address(db, ours, number)).id: number for number in numbers
        }
        at_ours = an_address(db, ours, "+12815550104")
        for kind in (MessageKind.TIP, MessageKind.REPLY, MessageKind.NOTICE):
            a_message(db, ours, at_ours, kind=kind, key="routine")
        a_message(db, other, an_address(db, other, "+12815550105"))
    with sessions.begin() as db:
        claimed = claim_checkins(db, ours.id)

    assert {one.id: one.recipient for one in claimed} == wanted


def test_whoever_opted_out_gets_the_confirmation_and_no_other_answer(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        gone = an_address(db, clinic, opted_out_at=NOON, opted_out_by="text")
        answers = [
            a_message(db, clinic, gone, kind=MessageKind.REPLY, key=key).id
            for key in ("stop", "routine", "thanks")
        ]
        a_message(db, clinic, gone, kind=MessageKind.TIP, key="stop")
        lane = stored_lane(db, answers[0])
    with sessions.begin() as db:
        claimed = claim(db, clinic.id, lane, Channel.SMS, 10, NOON, AHEAD, LEASE)
        tips = claim(db, clinic.id, int(LANE_TIP), Channel.SMS, 10, NOON, AHEAD, LEASE)

    assert [one.id for one in claimed] == answers[:1]
    assert tips == []


def stored_lane(db: Session, message_id: UUID) -> int:
    return db.get_one(Message, message_id).lane


def test_a_claimed_message_is_nobody_elses(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_message(db, clinic, an_address(db, clinic))
    with sessions.begin() as db:
        assert len(claim_checkins(db, clinic.id)) == 1
    with sessions.begin() as db:
        assert claim_checkins(db, clinic.id) == []


def test_the_soonest_messages_are_claimed_first(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        late = a_message(db, clinic, address)
        early = a_message(db, clinic, address, send_at=NOON - timedelta(hours=1))
        ahead = a_message(db, clinic, address, send_at=NOON + timedelta(seconds=2))
    with sessions.begin() as db:
        assert [one.id for one in claim_checkins(db, clinic.id, limit=1)] == [early.id]
        assert [one.id for one in claim_checkins(db, clinic.id)] == [late.id]
    assert stored(sessions, ahead.id).state is MessageState.PLANNED


@pytest.mark.parametrize(
    "forbidden",
    [
        {"opted_out_at": NOON, "opted_out_by": "text"},
        {"paused_because": "a doubtful opt-out"},
        {"landline_at": NOON},
        {"value": None},
    ],
)
def test_nothing_is_claimed_for_an_address_that_may_not_be_written_to(
    sessions: Sessions, forbidden: dict[str, object]
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_message(db, clinic, an_address(db, clinic, **forbidden))
    with sessions.begin() as db:
        assert claim_checkins(db, clinic.id) == []
        assert what_is_due(db, NOON) == []


def test_a_stop_being_written_is_not_overtaken_by_a_claim(sessions: Sessions) -> None:
    with sessions.begin() as db:
        if db.get_bind().dialect.name == "sqlite":
            pytest.skip("SQLite lets one transaction write at a time")
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        a_message(db, clinic, address)
    with sessions.begin() as stop:
        stop.merge(address).opted_out_at = NOON
        stop.flush()
        with sessions.begin() as db:
            assert claim_checkins(db, clinic.id) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_frozen_in_its_claim_does_not_hold_its_clinics_rows(
    sessions: Sessions, database_url: str, vault: Vault
) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_message(db, clinic, an_address(db, clinic))
    engine = open_engine(database_url, vault, frozen_after=0.2)
    frozen = open_sessions(engine)()
    assert len(claim_checkins(frozen, clinic.id)) == 1

    def claimed_by_another() -> bool:
        with sessions.begin() as db:
            return len(claim_checkins(db, clinic.id)) == 1

    assert not claimed_by_another()
    until(claimed_by_another)
    with pytest.raises(DBAPIError):
        frozen.commit()
    frozen.close()
    engine.dispose()


def test_a_message_whose_window_passed_is_not_claimed_but_judged_again(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        message = a_message(db, clinic, an_address(db, clinic), send_before=NOON)
    with sessions.begin() as db:
        assert claim_checkins(db, clinic.id) == []
        assert [one.id for one in past_their_window(db, NOON, 10)] == [message.id]


def test_what_is_due_names_the_first_message_of_each_lane(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        a_message(db, clinic, address, send_at=NOON + timedelta(hours=2))
        a_message(db, clinic, address, send_at=NOON + timedelta(hours=1))
        a_message(db, clinic, address, kind=MessageKind.REPLY)
    with sessions.begin() as db:
        due = [(one.clinic_id, one.lane, one.next_at) for one in what_is_due(db, NOON)]
    assert due == [(clinic.id, 0, NOON), (clinic.id, 1, NOON + timedelta(hours=1))]


def test_a_tip_is_skipped_while_the_patient_must_be_called(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        patient = a_patient_at(db, clinic, address)
        a_flag(db, patient, Level.URGENT)
        tip = a_message(db, clinic, address, kind=MessageKind.TIP, patient_id=patient.id)
        other = a_message(db, clinic, an_address(db, clinic), kind=MessageKind.TIP)
    with sessions.begin() as db:
        assert [one.id for one in claim(db, clinic.id, 2, Channel.SMS, 9, NOON, AHEAD, LEASE)] == [
            other.id
        ]
        assert skip_tips_of_the_flagged(db, NOON, AHEAD) == 1
    row = stored(sessions, tip.id)
    assert (row.state, row.reason) == (MessageState.SKIPPED, "the patient is to be called first")


def test_outcomes_of_a_batch_are_written_together(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        address = an_address(db, clinic)
        for _ in range(3):
            a_message(db, clinic, address)
    with sessions.begin() as db:
        claims = claim_checkins(db, clinic.id)
        write_outcomes(db, [accepted(one, f"SM{n}") for n, one in enumerate(claims)])
    rows = [stored(sessions, one.id) for one in claims]
    assert [(row.state, row.provider_ref) for row in rows] == [
        (MessageState.ACCEPTED, f"SM{n}") for n in range(3)
    ]


def test_a_worker_back_from_the_dead_overwrites_nothing(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        message = a_message(db, clinic, an_address(db, clinic))
    with sessions.begin() as db:
        [claimed] = claim_checkins(db, clinic.id)
    with sessions.begin() as db:
        assert expire_leases(db, LEASE + AHEAD, timedelta(seconds=120)) == 1
    with sessions.begin() as db:
        write_outcomes(db, [accepted(claimed)])
    row = stored(sessions, message.id)
    assert (row.state, row.provider_ref) == (MessageState.UNKNOWN, None)
    assert row.ask_at == LEASE + AHEAD + timedelta(seconds=120)


def test_another_workers_token_writes_nothing(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        message = a_message(db, clinic, an_address(db, clinic))
    with sessions.begin() as db:
        claim_checkins(db, clinic.id)
        write_outcomes(
            db, [WrittenOutcome(message.id, uuid4(), MessageState.REFUSED, "refused", NOON)]
        )
    assert stored(sessions, message.id).state is MessageState.CLAIMED


def test_an_email_is_claimed_while_texts_must_wait(sessions: Sessions) -> None:
    with sessions.begin() as db:
        clinic = a_clinic(db)
        a_message(db, clinic, an_address(db, clinic))
        mailbox = an_address(db, clinic, "ana@example.org", channel=Channel.EMAIL)
        email = a_message(db, clinic, mailbox, channel=Channel.EMAIL)
    with sessions.begin() as db:
        claimed = claim(db, clinic.id, 1, Channel.EMAIL, 9, NOON, AHEAD, LEASE)
    assert [one.id for one in claimed] == [email.id]
