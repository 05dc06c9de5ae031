"""What a patient's export looks like: the document's shape, and how rows become it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.domain.values import (
    CallOutcome,
    Channel,
    FlagState,
    HealthFlag,
    HeatIcePlan,
    Language,
    Level,
    MessageKind,
    MessageState,
    SessionState,
    TriggerPoints,
)
from service.pathway.export import Export
from service.web.api.views import Written


class _Held(BaseModel):
    """A row as the export shows it; every time is ISO 8601 in UTC."""

    model_config = ConfigDict(from_attributes=True)


class PatientHeld(_Held):
    """The patient; the name is null after erasure."""

    id: UUID
    first_name: Written | None
    language: Language
    time_zone: str | None
    channel: Channel
    health_flags: list[HealthFlag] | None
    guardian: bool
    welcomed_at: datetime | None
    stopped_at: datetime | None
    erased_at: datetime | None
    created_at: datetime


class AddressHeld(_Held):
    """A number or mailbox, and whether it may be written to."""

    id: UUID
    channel: Channel
    value: Written | None
    opted_out_at: datetime | None
    opted_out_by: str | None
    paused_because: str | None
    landline_at: datetime | None
    failing_since: datetime | None
    failing_because: str | None
    created_at: datetime


class ConsentHeld(_Held):
    """One answer to "may we?": the newest holds."""

    sms: bool
    email: bool
    details: bool
    wording_version: int
    recorded_at: datetime
    recorded_by: Written


class SessionHeld(_Held):
    """A needling session."""

    id: UUID
    external_id: Written | None
    ended_at: datetime
    regions: list[str]
    baseline_pain: int | None
    first_session: bool
    trigger_points: TriggerPoints
    plan: HeatIcePlan
    move_plan: Written | None
    protocol_version: int
    state: SessionState
    state_reason: Written | None
    created_by: Written
    created_at: datetime


class MessageHeld(_Held):
    """A text or email, planned or sent, and what the provider reported of it."""

    id: UUID
    session_id: UUID | None
    reply_id: UUID | None
    address_id: UUID
    key: str
    kind: MessageKind
    channel: Channel
    language: Language
    protocol_version: int
    text: str | None = Field(
        default=None,
        description="The words, from the pinned wording and the blanks kept with it, with the "
        "clinic's name and number as they are now. Of an email the subject, then its plain form "
        "without the patient's own links. Null when a blank is not known, as after erasure.",
    )
    due_at: datetime
    send_at: datetime
    useful_until: datetime
    state: MessageState
    reason: Written | None
    provider_ref: str | None
    provider_status: str | None
    error_code: int | None
    segments: int | None
    sent_at: datetime | None
    delivered_at: datetime | None
    answered_at: datetime | None
    created_at: datetime


class ReplyHeld(_Held):
    """What the patient wrote, and how it was read."""

    id: UUID
    channel: Channel
    session_id: UUID | None
    checkin_id: UUID | None
    address_id: UUID
    body: Written | None
    media: list[dict[str, Any]] | None
    received_at: datetime
    read_at: datetime | None
    level: Level | None
    score: int | None
    categories: list[str] | None
    evidence: list[dict[str, Any]] | None = Field(validation_alias="findings")
    answer: str | None
    opt_out: bool
    rules_version: str | None


class FlagHeld(_Held):
    """Something a person had to act on."""

    id: UUID
    session_id: UUID | None
    reply_id: UUID | None
    message_id: UUID | None
    kind: str
    level: Level
    categories: list[str]
    score: int | None
    reason: Written
    raised_at: datetime
    due_at: datetime
    state: FlagState
    owner: Written | None
    owned_at: datetime | None
    next_try_at: datetime | None
    tries: int
    closed_at: datetime | None
    closed_by: Written | None
    outcome: CallOutcome | None
    rules_version: str | None


class CallHeld(_Held):
    """A call to the patient, and how it went."""

    id: UUID
    flag_id: UUID
    outcome: CallOutcome
    note: Written | None
    made_by: Written
    made_at: datetime


class NoticeHeld(_Held):
    """A member of staff was told of a flag; their own number or mailbox is not the patient's."""

    flag_id: UUID
    step: str
    staff: Written
    channel: Channel
    state: MessageState
    created_at: datetime


class AuditHeld(_Held):
    """Who did what to which of the rows above, when."""

    at: datetime
    actor: Written
    action: str
    subject: str
    detail: dict[str, Any]


class PatientExport(_Held):
    """Everything held about one patient; each list is oldest first."""

    patient: PatientHeld
    addresses: list[AddressHeld]
    consents: list[ConsentHeld]
    sessions: list[SessionHeld]
    messages: list[MessageHeld]
    replies: list[ReplyHeld]
    flags: list[FlagHeld]
    calls: list[CallHeld]
    notices: list[NoticeHeld]
    audit: list[AuditHeld]


def export_view(held: Export) -> PatientExport:
    """Return the document for what was gathered."""
    record = held.record
    return PatientExport(
        patient=PatientHeld.model_validate(record.patient),
        addresses=[AddressHeld.model_validate(row) for row in record.addresses],
        consents=[ConsentHeld.model_validate(row) for row in record.consents],
        sessions=[SessionHeld.model_validate(row) for row in record.sessions],
        messages=[
            MessageHeld.model_validate(row).model_copy(update={"text": held.texts.get(row.id)})
            for row in record.messages
        ],
        replies=[ReplyHeld.model_validate(row) for row in record.replies],
        flags=[FlagHeld.model_validate(row) for row in record.flags],
        calls=[CallHeld.model_validate(row) for row in record.calls],
        notices=[
            NoticeHeld(
                flag_id=told.notice.flag_id,
                step=told.notice.step,
                staff=told.staff.name,
                channel=told.notice.channel,
                state=told.message.state,
                created_at=told.notice.created_at,
            )
            for told in held.told
        ],
        audit=[AuditHeld.model_validate(row) for row in held.audit],
    )
