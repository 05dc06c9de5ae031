"""What goes back to a patient by itself after a reply: which text, and whether any."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.domain.triage.readings import Answer, Reading
from service.domain.values import (
    LANE_REPLY,
    OPT_OUT_CONFIRMATIONS,
    Level,
    MessageKind,
    MessageState,
)
from service.pathway.correspondents import Correspondent
from service.pathway.flagging import Raised
from service.pathway.rules import Rules
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.replies import Reply

NO_ANSWER = "none"
SHARED_PHONE = "shared_phone"
CONFIRM_WITHIN = timedelta(minutes=5)

_USEFUL_FOR = timedelta(minutes=10)
"""An answer may go out at any hour, but only while the patient still waits (`reliability` T9)."""

PAGE = "page"
"""The provider of what was answered on one of our pages: it is answered on the screen."""

_SENT_FROM_PAGES_TOO = frozenset({"emergency", "self_harm", "safety_check", "stop_serious"})
"""What must not be lost with a closed page, or asks for an answer by message."""

_WHOEVER_WRITES = frozenset(
    {
        Answer.EMERGENCY,
        Answer.SELF_HARM,
        Answer.SAFETY_CHECK,
        Answer.STOP,
        Answer.STOP_SERIOUS,
        Answer.START,
        Answer.HELP,
        Answer.WRONG_NUMBER,
    }
)
_PROMISES_A_CALL = frozenset({"routine", "urgent", "urgent_closed", "question", "photo", "update"})


def answer_key(
    reading: Reading,
    who: Correspondent,
    raised: Raised | None,
    *,
    is_open: bool,
    call_not_promised: bool = False,
) -> str:
    """Return the key of the text that answers a reply (`clinical-protocol` B), or `none`.

    `call_not_promised`: the signs were asked before the patient could be told of the call.
    """
    answer = _asked_once(reading, who, raised)
    if raised and reading.signs and answer is Answer.OK:
        # No further signs; the call that an earlier finding asks for stands (C4).
        answer = Answer.ROUTINE
    if answer in _WHOEVER_WRITES:
        return answer.value
    if reading.no_answer and answer is Answer.NONE:
        # It may be a machine, which would answer again and again.
        return NO_ANSWER
    if who.patient is None and answer is not Answer.URGENT:
        asked = who.last_question == SHARED_PHONE
        return SHARED_PHONE if who.known and not asked else NO_ANSWER
    if answer is Answer.OK:
        if who.checkin is None:
            return Answer.THANKS.value
        return "ok_48h" if who.asked_again else "ok_96h"
    promised = raised is not None and raised.added and not call_not_promised
    if promised and answer in (Answer.ROUTINE, Answer.URGENT, Answer.QUESTION):
        return "update"
    if answer in (Answer.ROUTINE, Answer.URGENT) and not is_open:
        return f"{answer.value}_closed"
    return answer.value


def _asked_once(reading: Reading, who: Correspondent, raised: Raised | None) -> Answer:
    """The answer to give, where the signs are asked once for each check-in (A, `signs`)."""
    if reading.answer is not Answer.SIGNS or not who.signs_asked:
        return reading.answer
    return Answer.ROUTINE if raised else Answer.NONE


def plan_answer(
    db: Session,
    clinic: Clinic,
    reply: Reply,
    who: Correspondent,
    reading: Reading,
    raised: Raised | None,
    rules: Rules,
    *,
    just_opted_out: bool = False,
    call_not_promised: bool = False,
) -> str:
    """Plan the one text that answers a reply; return its key, or `none`.

    An address that has opted out gets nothing but the confirmation of its own request, and a
    patient whose record staff have stopped gets nothing at all (`clinical-protocol` D). Whoever
    answered on a page reads the text there, and gets a message only where one is needed as well.
    """
    now = reply.received_at
    key = answer_key(
        reading,
        who,
        raised,
        is_open=rules.is_open(now, clinic.facts()),
        call_not_promised=call_not_promised,
    )
    if key == NO_ANSWER:
        return NO_ANSWER
    may_go = _may_go(who, key, just_opted_out=just_opted_out)
    on_screen = reply.provider == PAGE
    if not may_go and not on_screen:
        return NO_ANSWER
    message = plan_text(db, clinic, reply, who, key, reading.level, raised, rules, now)
    if on_screen and not (may_go and key in _SENT_FROM_PAGES_TOO):
        message.state, message.reason = MessageState.DELIVERED, "Shown on the patient's page."
        message.sent_at = message.delivered_at = now
    return key


def _may_go(who: Correspondent, key: str, *, just_opted_out: bool) -> bool:
    if who.patient is not None and not who.patient.in_care():
        return False
    stopped = who.address.opted_out_at is not None
    return not stopped or (just_opted_out and key in OPT_OUT_CONFIRMATIONS)


def plan_text(
    db: Session,
    clinic: Clinic,
    reply: Reply,
    who: Correspondent,
    key: str,
    level: Level,
    raised: Raised | None,
    rules: Rules,
    now: datetime,
) -> Message:
    """Plan the text `key` as an answer to a reply, to go out at once."""
    until = now + (CONFIRM_WITHIN if key in OPT_OUT_CONFIRMATIONS else _USEFUL_FOR)
    message = Message(
        clinic_id=clinic.id,
        address_id=who.address.id,
        patient_id=who.patient.id if who.patient else None,
        session_id=reply.session_id,
        reply_id=reply.id,
        key=key,
        kind=MessageKind.REPLY,
        lane=int(LANE_REPLY),
        channel=reply.channel,
        wording=key,
        language=who.language,
        protocol_version=who.session.protocol_version if who.session else rules.protocol_version,
        slots=_slots(clinic, key, level, raised, rules, now),
        due_at=now,
        send_at=now,
        send_before=until,
        useful_until=until,
        state=MessageState.PLANNED,
        created_at=now,
    )
    db.add(message)
    return message


def _slots(
    clinic: Clinic, key: str, level: Level, raised: Raised | None, rules: Rules, now: datetime
) -> dict[str, str]:
    facts = clinic.facts()
    if key == "routine_closed":
        return {"open": rules.next_opening(now, facts).isoformat()}
    if key not in _PROMISES_A_CALL:
        return {}
    if key == "update" and raised and raised.flag.due_at > now:
        return {"callby": raised.flag.due_at.isoformat()}
    promised = raised.flag.level if raised else level
    return {"callby": rules.call_by(promised, now, facts).isoformat()}
