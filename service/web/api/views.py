"""What the API answers: the shape of each answer, and how rows become it; times in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy.orm import Session

from service.domain.values import (
    CallOutcome,
    Channel,
    FlagState,
    Level,
    MessageKind,
    MessageState,
    SessionState,
)
from service.pathway.previews import preview_of
from service.store.clinics import Clinic
from service.store.flags import (
    Flag,
    calls_of_flags,
    failed_notices,
    flags_of_session,
    words_behind,
)
from service.store.messages import messages_of_session
from service.store.patients import patient_of
from service.store.replies import replies_of_session
from service.store.sessions import TreatmentSession
from service.web.api.schemas import legible

Written = Annotated[str, BeforeValidator(legible)]
"""What somebody typed; characters that no JSON can carry are replaced."""


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class MessageView(_View):
    """A planned or sent message, and why it is in its state."""

    id: UUID
    key: str
    kind: MessageKind
    channel: Channel
    due_at: datetime
    send_at: datetime
    useful_until: datetime
    state: MessageState
    reason: Written | None
    sent_at: datetime | None
    delivered_at: datetime | None
    preview: str | None = Field(
        default=None,
        description="The words as they would go out now, an email's subject above its text and "
        "its links left out; null when a blank cannot be filled yet.",
    )


class ReplyView(_View):
    """What the patient answered, and how it was read."""

    id: UUID
    channel: Channel
    body: Written | None
    received_at: datetime
    level: Level | None
    score: int | None
    categories: Annotated[list[str], BeforeValidator(lambda found: found or [])]
    opt_out: bool


class CallView(_View):
    """A call to the patient, and how it went."""

    id: UUID
    flag_id: UUID
    outcome: CallOutcome
    note: Written | None
    made_by: str
    made_at: datetime


class FlagView(_View):
    """Something a person must act on, with the reply that raised it."""

    id: UUID
    level: Level
    categories: list[str]
    score: int | None
    reply: Written | None = None
    reason: str
    patient_id: UUID | None
    session_id: UUID | None
    due_at: datetime
    next_try_at: datetime | None
    state: FlagState
    owner: str | None
    raised_at: datetime
    failed_notices: int = 0
    """How many notices to staff about it did not arrive."""


class SessionView(BaseModel):
    """A session with its messages in sending order."""

    id: UUID
    patient_id: UUID
    ended_at: datetime
    state: SessionState
    messages: list[MessageView]


class WholeSessionView(SessionView):
    """A session with all that came of it, each list oldest first."""

    replies: list[ReplyView]
    flags: list[FlagView]
    calls: list[CallView]


class SessionLine(_View):
    """A session in a list."""

    id: UUID
    patient_id: UUID
    external_id: str | None
    ended_at: datetime
    state: SessionState


class SessionPage(BaseModel):
    """A page of sessions; `next_cursor` goes on after it, and is null on the last."""

    sessions: list[SessionLine]
    next_cursor: UUID | None


def session_view(db: Session, clinic: Clinic, session: TreatmentSession) -> SessionView:
    """A session with its messages, as enrolment answers it."""
    patient = patient_of(db, clinic.id, session.patient_id)
    zone = ZoneInfo((patient.time_zone if patient else None) or clinic.time_zone)
    return SessionView(
        id=session.id,
        patient_id=session.patient_id,
        ended_at=session.ended_at,
        state=session.state,
        messages=[
            MessageView.model_validate(message).model_copy(
                update={"preview": preview_of(message, clinic, zone)}
            )
            for message in messages_of_session(db, session.id)
        ],
    )


def whole_session_view(db: Session, clinic: Clinic, session: TreatmentSession) -> WholeSessionView:
    """A session with its messages, replies, flags and calls."""
    flags = flags_of_session(db, session.id)
    return WholeSessionView(
        **dict(session_view(db, clinic, session)),
        replies=[ReplyView.model_validate(row) for row in replies_of_session(db, session.id)],
        flags=flag_views(db, flags),
        calls=[
            CallView.model_validate(row) for row in calls_of_flags(db, [flag.id for flag in flags])
        ],
    )


def flag_view(db: Session, flag: Flag) -> FlagView:
    """A flag, with the reply that raised it and what is known of its notices."""
    [view] = flag_views(db, [flag])
    return view


def flag_views(db: Session, flags: Sequence[Flag]) -> list[FlagView]:
    """Flags in the order given; so many or few, they take the same number of questions."""
    ids = [flag.id for flag in flags]
    words, failed = words_behind(db, ids), failed_notices(db, ids)
    return [
        FlagView.model_validate(flag).model_copy(
            update={
                "reply": legible(words.get(flag.id)),
                "failed_notices": failed.get(flag.id, 0),
            }
        )
        for flag in flags
    ]
