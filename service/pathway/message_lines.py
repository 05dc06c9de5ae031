"""A message as staff read it: what it is, when it goes or went, in what words, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from service.domain.values import Channel, Language, MessageKind, MessageState
from service.pathway.previews import preview_of
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Patient

_AHEAD = (MessageState.PLANNED, MessageState.CLAIMED)


@dataclass(frozen=True)
class MessageLine:
    """One message of a plan or a timeline. Times are in the patient's own zone.

    `words` is None where a blank cannot be filled, as after erasure.
    """

    id: UUID
    key: str
    kind: MessageKind
    channel: Channel
    language: Language
    state: MessageState
    reason: str | None
    at: datetime
    """When it went out, is planned to, or would have."""
    sent_at: datetime | None
    delivered_at: datetime | None
    words: str | None
    segments: int | None

    @property
    def is_ahead(self) -> bool:
        """Will it still go out?"""
        return self.state in _AHEAD


def zone_of(clinic: Clinic, patient: Patient | None) -> ZoneInfo:
    """Return the zone in which a patient's times are told: their own, or the clinic's."""
    return ZoneInfo((patient.time_zone if patient else None) or clinic.time_zone)


def line_of(message: Message, clinic: Clinic, zone: ZoneInfo) -> MessageLine:
    """Return a message as staff read it."""
    return MessageLine(
        id=message.id,
        key=message.key,
        kind=message.kind,
        channel=message.channel,
        language=message.language,
        state=message.state,
        reason=message.reason,
        at=(message.sent_at or message.send_at).astimezone(zone),
        sent_at=message.sent_at.astimezone(zone) if message.sent_at else None,
        delivered_at=message.delivered_at.astimezone(zone) if message.delivered_at else None,
        words=preview_of(message, clinic, zone),
        segments=message.segments,
    )
