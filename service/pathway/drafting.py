"""Draft: an admin changes the protocol for their clinic; a named clinician approves it.

Nothing of a draft is used before its approval, and then for new sessions only: what is running
keeps the version that it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.protocol.editions import (
    Changes,
    base_of,
    edition_of,
    problems_in,
    version_of,
)
from service.domain.protocol.editions import Edition as Content
from service.domain.values import Language
from service.domain.wording import check_wording, load_texts
from service.pathway.own_account import why_not_theirs
from service.pathway.settings_audit import write_down
from service.pathway.signing_in import SignedInStaff
from service.store.clinics import Clinic
from service.store.editions import Edition, draft_of, editions_of, others_of_version

LONGEST_NAME = 120
_SHORTEST_NAME = 5


class NoDraft(Exception):
    """The clinic has no draft: it was approved or thrown away meanwhile."""


@dataclass(frozen=True)
class TipsAndScores:
    """Tips and pain scores as the form has them: what is sent, when, from which score one calls."""

    sent: frozenset[str]
    due: Mapping[str, str]
    pain: Mapping[str, str]


@dataclass(frozen=True)
class Stand:
    """Where a clinic's protocol stands. `in_use` is the approved edition that new sessions get."""

    version: int
    in_use: Edition | None
    draft: Edition | None
    approved: tuple[Edition, ...]
    """Every edition that was ever approved, newest first."""


def version_in_use(clinic: Clinic) -> int:
    """Return the version that the clinic's new sessions are put on."""
    return clinic.protocol_version or CURRENT_VERSION


def content_in_use(clinic: Clinic) -> Content:
    """Return the edition that new sessions are put on; without one, the files unchanged."""
    version = version_in_use(clinic)
    return edition_of(version) or Content(base_of(version), Changes())


def stand_of(db: Session, clinic: Clinic) -> Stand:
    """Return what is in use, what is drafted and what was approved before."""
    approved = tuple(editions_of(db, clinic.id))
    return Stand(
        version_in_use(clinic),
        approved[0] if approved else None,
        draft_of(db, clinic.id),
        approved,
    )


def change_text(
    db: Session, staff: SignedInStaff, key: str, language: Language, text: str, now: datetime
) -> list[str]:
    """Put a wording into the draft, which begins with it; return what keeps it from that.

    The files' own wording takes a change back. Raises `UnknownText`.
    """
    base = load_texts(CURRENT_VERSION)
    problems = check_wording(base, key, language, text)
    if problems:
        return problems
    draft, changes = _opened(db, staff, now)
    texts = {one: dict(changed) for one, changed in changes.texts.items()}
    texts.setdefault(language, {})[key] = text
    if text == base.get(key, language):
        del texts[language][key]
    kept = {one: changed for one, changed in texts.items() if changed}
    _keep(db, staff, draft, changes.model_copy(update={"texts": kept}), now)
    return []


def change_tips_and_scores(
    db: Session, staff: SignedInStaff, typed: TipsAndScores, now: datetime
) -> dict[str, str]:
    """Put tips and pain scores into the draft; return what keeps them from that, by field."""
    base = load_protocol(CURRENT_VERSION)
    usual = {step.key: step.due.written for step in base.steps if step.clinic_may}
    due = {key: written.strip() for key, written in typed.due.items()}
    try:
        pain = {name: int(value) for name, value in typed.pain.items()}
    except ValueError:
        return {f"pain.{name}": "Choose a number." for name in typed.pain}
    wanted = Changes(
        due={key: written for key, written in due.items() if written != usual.get(key)},
        left_out=tuple(key for key in usual if key not in typed.sent),
        pain={name: value for name, value in pain.items() if value != getattr(base.pain, name)},
    )
    problems = dict(problems_in(base, wanted))
    if problems:
        return problems
    draft, changes = _opened(db, staff, now)
    _keep(db, staff, draft, wanted.model_copy(update={"texts": changes.texts}), now)
    return {}


def open_draft(db: Session, staff: SignedInStaff, now: datetime) -> None:
    """Begin a draft with what is in use, so that it can be looked at and approved as it is."""
    draft, changes = _opened(db, staff, now)
    _keep(db, staff, draft, changes, now)


def throw_away(db: Session, staff: SignedInStaff, now: datetime) -> None:
    """End the draft; what is in use stays. Raises `NoDraft`."""
    draft = _locked(db, staff)
    write_down(db, staff, now, "protocol_draft_ended", f"edition:{draft.id}", number=draft.number)
    db.delete(draft)


def approve(
    db: Session,
    staff: SignedInStaff,
    *,
    seen: int,
    approver: str,
    password: str,
    now: datetime,
    wall_now: datetime,
) -> dict[str, str]:
    """Put the draft into use for new sessions; return what keeps it from that, by field.

    `seen` is the version whose dry run was read, `approver` the licensed clinician who signs
    (`clinical-protocol`: a physical therapist approves every text and rule). Raises `NoDraft`.
    """
    draft = _locked(db, staff)
    approver = " ".join(approver.split())
    problems = {}
    if draft.version != seen:
        problems["seen"] = "The draft was changed since this page was drawn: read it again."
    if not _SHORTEST_NAME <= len(approver) <= LONGEST_NAME:
        problems["approver"] = "Give the name and licence of the clinician who approves."
    if problems:
        return problems
    changes = draft.content().changes
    if any(problems_in(load_protocol(draft.base), changes)) or _wrong_texts(draft.base, changes):
        return {"seen": "The draft no longer fits the protocol it changes: change it, then look."}
    why = why_not_theirs(db, staff, password, wall_now)
    if why:
        return {"password": why}
    draft.approved_by, draft.approved_at = approver, now
    clinic = db.get_one(Clinic, staff.clinic_id)
    clinic.protocol_version = draft.version
    write_down(
        db,
        staff,
        now,
        "protocol_approved",
        f"edition:{draft.id}",
        number=draft.number,
        version=draft.version,
        approved_by=approver,
        changes=changes.model_dump(mode="json"),
    )
    return {}


def _opened(db: Session, staff: SignedInStaff, now: datetime) -> tuple[Edition, Changes]:
    """Return the draft, locked, and what it changes; a new one begins with what is in use."""
    # Locked first: of two admins who begin at once, the second goes on with the first one's.
    clinic = db.scalars(select(Clinic).where(Clinic.id == staff.clinic_id).with_for_update()).one()
    draft = draft_of(db, clinic.id, lock=True)
    if draft is not None:
        return draft, draft.content().changes
    approved = editions_of(db, clinic.id)
    draft = Edition(
        clinic_id=clinic.id,
        number=approved[0].number + 1 if approved else 1,
        base=CURRENT_VERSION,
        drafted_by=staff.name,
        changed_at=now,
    )
    return draft, content_in_use(clinic).changes


def _keep(
    db: Session, staff: SignedInStaff, draft: Edition, changes: Changes, now: datetime
) -> None:
    draft.changes = changes.model_dump(mode="json")
    draft.changed_at, draft.drafted_by = now, staff.name
    salt = 0
    draft.version = version_of(draft.content())
    db.add(draft)
    while any(other.content() != draft.content() for other in others_of_version(db, draft)):
        salt += 1
        draft.version = version_of(draft.content(), salt)
    db.flush()
    write_down(
        db,
        staff,
        now,
        "protocol_drafted",
        f"edition:{draft.id}",
        number=draft.number,
        version=draft.version,
        changes=changes.count,
    )


def _locked(db: Session, staff: SignedInStaff) -> Edition:
    draft = draft_of(db, staff.clinic_id, lock=True)
    if draft is None:
        raise NoDraft
    return draft


def _wrong_texts(base: int, changes: Changes) -> bool:
    texts = load_texts(base)
    return any(
        key not in texts.keys or check_wording(texts, key, language, text)
        for language, changed in changes.texts.items()
        for key, text in changed.items()
    )
