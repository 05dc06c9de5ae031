"""What the API answers: rows as JSON, times in UTC."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.emails import EmailLinks
from service.domain.slots import MissingSlot
from service.domain.values import Channel
from service.pathway.composing import email_of, text_of
from service.store.clinics import Clinic
from service.store.flags import Call, Flag, calls_of_flags, flags_of_session
from service.store.messages import Message, messages_of_session
from service.store.patients import patient_of
from service.store.replies import Reply, replies_of_session
from service.store.sessions import TreatmentSession
from service.web.api.schemas import legible, utc


def session_view(db: Session, clinic: Clinic, session: TreatmentSession) -> dict[str, Any]:
    """A session with its messages, as enrolment answers it."""
    patient = patient_of(db, clinic.id, session.patient_id)
    zone = ZoneInfo((patient.time_zone if patient else None) or clinic.time_zone)
    return {
        "id": str(session.id),
        "patient_id": str(session.patient_id),
        "ended_at": utc(session.ended_at),
        "state": session.state.value,
        "messages": [
            _message_view(message, clinic, zone) for message in messages_of_session(db, session.id)
        ],
    }


def whole_session_view(db: Session, clinic: Clinic, session: TreatmentSession) -> dict[str, Any]:
    """A session with its messages, replies, flags and calls."""
    flags = flags_of_session(db, session.id)
    calls = calls_of_flags(db, [flag.id for flag in flags])
    return session_view(db, clinic, session) | {
        "replies": [_reply_view(reply) for reply in replies_of_session(db, session.id)],
        "flags": [flag_view(db, flag) for flag in flags],
        "calls": [_call_view(call) for call in calls],
    }


def session_line(session: TreatmentSession) -> dict[str, Any]:
    """A session in a list."""
    return {
        "id": str(session.id),
        "patient_id": str(session.patient_id),
        "external_id": session.external_id,
        "ended_at": utc(session.ended_at),
        "state": session.state.value,
    }


def flag_view(db: Session, flag: Flag) -> dict[str, Any]:
    """A flag, with the reply that raised it."""
    reply = db.get(Reply, flag.reply_id) if flag.reply_id else None
    return {
        "id": str(flag.id),
        "level": flag.level.value,
        "categories": flag.categories,
        "score": flag.score,
        "reply": legible(reply.body) if reply else None,
        "reason": flag.reason,
        "patient_id": str(flag.patient_id) if flag.patient_id else None,
        "session_id": str(flag.session_id) if flag.session_id else None,
        "due_at": utc(flag.due_at),
        "next_try_at": utc(flag.next_try_at),
        "state": flag.state.value,
        "owner": flag.owner,
        "raised_at": utc(flag.raised_at),
    }


def _message_view(message: Message, clinic: Clinic, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "key": message.key,
        "kind": message.kind.value,
        "channel": message.channel.value,
        "due_at": utc(message.due_at),
        "send_at": utc(message.send_at),
        "useful_until": utc(message.useful_until),
        "state": message.state.value,
        "reason": message.reason,
        "sent_at": utc(message.sent_at),
        "delivered_at": utc(message.delivered_at),
        "preview": _preview(message, clinic, zone),
    }


# Who reads a preview must not answer, or end emails, in the patient's place.
_NO_LINKS = EmailLinks(
    unsubscribe="(the patient's own link)", check_in="(the patient's own link)", app="(a link)"
)


def _preview(message: Message, clinic: Clinic, zone: ZoneInfo) -> str | None:
    """The words as they would go out now; None when a blank cannot be filled yet.

    An email's subject stands above its text; its links are left out.
    """
    try:
        if message.channel is Channel.SMS:
            return text_of(message, clinic, zone).text
        email = email_of(message, clinic, zone, _NO_LINKS)
    except MissingSlot:
        return None
    return f"{email.subject}\n\n{email.text}"


def _reply_view(reply: Reply) -> dict[str, Any]:
    return {
        "id": str(reply.id),
        "channel": reply.channel.value,
        "body": legible(reply.body),
        "received_at": utc(reply.received_at),
        "level": reply.level.value if reply.level else None,
        "score": reply.score,
        "categories": reply.categories or [],
        "opt_out": reply.opt_out,
    }


def _call_view(call: Call) -> dict[str, Any]:
    return {
        "id": str(call.id),
        "flag_id": str(call.flag_id),
        "outcome": call.outcome.value,
        "note": call.note,
        "made_by": call.made_by,
        "made_at": utc(call.made_at),
    }
