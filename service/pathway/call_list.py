"""The call list: whom to phone first, why, by when, and who is on it; looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from service.domain.call_prompts import CallReason, load_call_prompts
from service.domain.contact import spoken_phone
from service.domain.evidence import Piece, pieces_of
from service.domain.protocol import CURRENT_VERSION
from service.domain.time_words import due_words, hours_words, moment_words
from service.domain.values import CallOutcome, Channel, FlagState, Level
from service.domain.windows import zone_named
from service.pathway.flagging import REPLY
from service.pathway.glance import Glance, glance
from service.store import audit
from service.store.call_list import (
    CallRow,
    Which,
    counts,
    patients_by_address,
    replies_since,
    row_of_flag,
    rows_of_page,
)
from service.store.clinics import Clinic
from service.store.flags import Call, Flag, calls_of_flags
from service.store.patients import Patient
from service.store.replies import Reply

PAGE_SIZE = 50
"""Calls on one page: nobody reads further before the first are made."""


@dataclass(frozen=True)
class CallMade:
    """How an earlier call went, by whom, and when in the clinic's time."""

    outcome: CallOutcome
    made_by: str
    at: str
    note: str | None


@dataclass(frozen=True)
class Recorded:
    """A call that has just been written down, and what follows from it."""

    names: tuple[str, ...]
    outcome: CallOutcome
    next_try: str | None


@dataclass(frozen=True)
class CallLine:
    """One call as the list shows it; times are words in the clinic's zone."""

    flag_id: UUID
    level: Level
    kind: str
    reasons: tuple[CallReason, ...]
    why: str
    """In the service's words; the patient's own are in `said`."""
    names: tuple[str, ...]
    """The patient's first name; several share a phone, and of a stranger none is known."""
    sharing: tuple[tuple[UUID, str], ...]
    """Whose reply it may be, while a shared phone is not sorted out."""
    erased: bool
    phone: str | None
    """As it is dialled (E.164)."""
    phone_words: str | None
    email: str | None
    """Where no number is known."""
    said: tuple[Piece, ...]
    said_at: str | None
    said_more: int
    """Further replies of the patient under the same flag."""
    media: int
    since_session: str | None
    score: int | None
    baseline: int | None
    state: FlagState
    owner: str | None
    mine: bool
    owned_at: str | None
    due: str
    due_at: str
    overdue: bool
    trying_again: bool
    """`due` is a further try: the first call was made."""
    tries: int
    last_call: CallMade | None


@dataclass(frozen=True)
class CallList:
    """One page of a list, and what must be known before trusting a quiet one."""

    which: Which
    lines: tuple[CallLine, ...]
    counts: Mapping[Which, int]
    start: int
    glance: Glance
    at: str

    @property
    def total(self) -> int:
        """How many calls the whole list has."""
        return self.counts[self.which]

    @property
    def next_start(self) -> int | None:
        """Where the next page begins, or None on the last."""
        end = self.start + len(self.lines)
        return end if self.lines and end < self.total else None

    @property
    def previous_start(self) -> int | None:
        """Where the page before begins, or None on the first."""
        return max(0, self.start - PAGE_SIZE) if self.start else None


def call_list(
    db: Session,
    clinic: Clinic,
    which: Which,
    me: str,
    now: datetime,
    *,
    start: int = 0,
    speed: float = 1,
) -> CallList:
    """Return a page of the clinic's open flags, most urgent first, as `me` sees them."""
    rows = rows_of_page(db, clinic.id, which, me, start=start, limit=PAGE_SIZE)
    return CallList(
        which=which,
        lines=lines_of(db, clinic, rows, me, now),
        counts=counts(db, clinic.id, me),
        start=start,
        glance=glance(db, clinic, now, speed),
        at=moment_words(now, zone_named(clinic.time_zone), now),
    )


def lines_of(
    db: Session, clinic: Clinic, rows: Iterable[CallRow], me: str, now: datetime
) -> tuple[CallLine, ...]:
    """Return rows as the list shows them, asking the same few questions for any number of them."""
    rows = list(rows)
    reader = _Reader(me, now, zone_named(clinic.time_zone))
    calls = _last_calls(db, rows)
    told = _told(db, rows)
    of_nobody = {row.reply.address_id for row in rows if row.patient is None and row.reply}
    sharing = patients_by_address(db, of_nobody)
    return tuple(
        reader.line(
            row,
            told.get(row.flag.id, []),
            calls.get(row.flag.id),
            sharing.get(row.reply.address_id, []) if row.reply else [],
        )
        for row in rows
    )


def just_recorded(db: Session, clinic: Clinic, flag_id: UUID, now: datetime) -> Recorded | None:
    """Return the newest call about a flag, to confirm it on the list; None when there is none."""
    row = row_of_flag(db, clinic.id, flag_id)
    calls = calls_of_flags(db, [flag_id]) if row else []
    if row is None or not calls:
        return None
    zone = zone_named(clinic.time_zone)
    again = row.flag.next_try_at
    return Recorded(
        names=_names(row.patient, []),
        outcome=calls[-1].outcome,
        next_try=moment_words(again, zone, now) if again else None,
    )


def note_reading(
    db: Session, clinic_id: UUID, shown: Iterable[UUID], by: str, at: datetime
) -> None:
    """Write down that somebody has seen what these flags' patients wrote."""
    flags = [str(flag_id) for flag_id in shown]
    if flags:
        audit.record(
            db,
            clinic_id=clinic_id,
            at=at,
            actor=by,
            action="call_list_read",
            subject=f"clinic:{clinic_id}",
            flags=flags,
        )


def call_made(call: Call, zone: ZoneInfo, now: datetime) -> CallMade:
    """Return a call as it is shown."""
    at = moment_words(call.made_at, zone, now)
    return CallMade(call.outcome, call.made_by, at, call.note)


def _last_calls(db: Session, rows: list[CallRow]) -> dict[UUID, Call]:
    tried = [row.flag.id for row in rows if row.flag.tries]
    return {call.flag_id: call for call in calls_of_flags(db, tried)}


def _told(db: Session, rows: list[CallRow]) -> dict[UUID, list[Reply]]:
    """Return what stands under each flag: what raised it, and what its patient wrote since."""
    told = {row.flag.id: [row.reply] for row in rows if row.reply}
    gathering = {
        row.flag.patient_id: row.flag
        for row in rows
        if row.flag.patient_id and row.flag.kind == REPLY
    }
    if gathering:
        since = min(flag.raised_at for flag in gathering.values())
        for reply in replies_since(db, gathering.keys(), since):
            flag = gathering[reply.patient_id] if reply.patient_id else None
            if flag and reply.received_at >= flag.raised_at and reply.id != flag.reply_id:
                told.setdefault(flag.id, []).append(reply)
    return told


def _most_telling(replies: list[Reply]) -> Reply | None:
    """Return the most urgent reply, the newest of several; unread is taken for urgent."""
    if not replies:
        return None
    return max(replies, key=lambda one: (-(one.level or Level.URGENT).rank, one.received_at))


@dataclass(frozen=True)
class _Reader:
    """Who looks, when, and in which zone."""

    me: str
    now: datetime
    zone: ZoneInfo

    def line(
        self, row: CallRow, told: list[Reply], last: Call | None, sharing: list[Patient]
    ) -> CallLine:
        flag, reply = row.flag, _most_telling(told)
        call_at = flag.next_try_at or flag.due_at
        mailbox = row.address is not None and row.address.channel is Channel.EMAIL
        value = row.address.value if row.address else None
        phone = None if mailbox else value
        return CallLine(
            flag_id=flag.id,
            level=flag.level,
            kind=flag.kind,
            reasons=_reasons(flag),
            why=flag.reason,
            names=_names(row.patient, sharing),
            sharing=tuple((one.id, one.first_name or "") for one in sharing),
            erased=row.patient is not None and row.patient.erased_at is not None,
            phone=phone,
            phone_words=spoken_phone(phone) if phone else None,
            email=value if mailbox else None,
            said=said_by(reply) if reply else (),
            said_at=self._spoken(reply.received_at) if reply else None,
            said_more=max(0, len(told) - 1),
            media=len(reply.media or ()) if reply else 0,
            since_session=hours_words(row.session.ended_at, self.now) if row.session else None,
            score=flag.score,
            baseline=row.session.baseline_pain if row.session else None,
            state=flag.state,
            owner=flag.owner,
            mine=flag.owner == self.me,
            owned_at=self._spoken(flag.owned_at) if flag.owned_at else None,
            due=due_words(call_at, self.now),
            due_at=self._spoken(call_at),
            overdue=call_at <= self.now,
            trying_again=flag.next_try_at is not None,
            tries=flag.tries,
            last_call=call_made(last, self.zone, self.now) if last else None,
        )

    def _spoken(self, moment: datetime) -> str:
        return moment_words(moment, self.zone, self.now)


def said_by(reply: Reply) -> tuple[Piece, ...]:
    """Return a reply's words, cut at what triage found in them."""
    return pieces_of(reply.body or "", reply.findings or ())


def _reasons(flag: Flag) -> tuple[CallReason, ...]:
    return load_call_prompts(CURRENT_VERSION).reasons_for(flag.kind, flag.categories)


def _names(patient: Patient | None, sharing: list[Patient]) -> tuple[str, ...]:
    people = [patient] if patient else sharing
    return tuple(person.first_name for person in people if person.first_name)
