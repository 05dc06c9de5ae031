"""How someone gets an account: a single-use link to choose a password and enrol a phone with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
from sqlalchemy.orm import Session

from service.domain.passwords import why_refused
from service.domain.second_factor import enrolment_uri, matching_step
from service.pathway.account_audit import note
from service.store import audit, passwords
from service.store.accounts import (
    Account,
    LinkPurpose,
    StaffLink,
    account_by_email,
    close_links,
    email_hashes,
    open_link,
    replace_recovery_codes,
)
from service.store.clinics import Clinic, Staff
from service.store.secrets import token_hash
from service.store.sign_ins import end_sign_ins

OPEN_FOR = timedelta(days=7)
_RECOVERY_CODES = 8
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""None that looks like another on paper."""


class LinkIsOver(Exception):
    """The link was used, has run out, or never was."""


@dataclass(frozen=True)
class Invitation:
    """What the page of an invitation shows."""

    clinic: str
    name: str
    email: str
    account_id: UUID | None
    """They sign in elsewhere already, and join this clinic when they have signed in."""
    secret: str
    uri: str
    """What the QR code says."""


@dataclass(frozen=True)
class NotTaken:
    """Nothing was changed; `field` says where and `why` what to do."""

    field: str
    why: str


@dataclass(frozen=True)
class Joined:
    """The account is ready; its recovery codes are shown this once."""

    recovery_codes: tuple[str, ...]


def invite(
    db: Session, staff: Staff, now: datetime, *, actor: str, lost_phone: bool = False
) -> str:
    """Return the token of a new invitation; an older one of theirs ends.

    With `lost_phone` it gives the account they have a new password and a new authenticator app:
    whoever asks for it must know the person, for it is their way in.
    """
    close_links(db, now, staff_id=staff.id)
    token = secrets.token_urlsafe(32)
    db.add(
        StaffLink(
            purpose=LinkPurpose.INVITATION,
            staff_id=staff.id,
            account_id=staff.account_id if lost_phone else None,
            token_hash=token_hash(token),
            totp_secret=pyotp.random_base32(),
            created_at=now,
            expires_at=now + OPEN_FOR,
        )
    )
    audit.record(
        db,
        clinic_id=staff.clinic_id,
        at=now,
        actor=actor,
        action="invited_anew" if lost_phone else "invited",
        subject=f"staff:{staff.id}",
    )
    return token


def invitation_of(db: Session, token: str, now: datetime) -> Invitation:
    """Return what an open invitation shows; raises `LinkIsOver`. Changes nothing."""
    link, staff = _invited(db, token, now)
    clinic = db.get_one(Clinic, staff.clinic_id)
    secret = link.totp_secret or ""
    account = None if link.account_id else account_by_email(db, staff.email)
    return Invitation(
        clinic=clinic.name,
        name=staff.name,
        email=staff.email,
        account_id=account.id if account else None,
        secret=secret,
        uri=enrolment_uri(secret, staff.email),
    )


def join(db: Session, token: str, account_id: UUID, now: datetime) -> None:
    """Someone who is signed in takes on another clinic; raises `LinkIsOver`.

    Only the invited person's own account joins: an invitation must not open what its owner sees
    at another clinic.
    """
    link, staff = _invited(db, token, now)
    account = account_by_email(db, staff.email)
    if account is None or account.id != account_id:
        raise LinkIsOver
    _use(db, link, staff, account, now)


def accept(db: Session, token: str, password: str, code: str, now: datetime) -> Joined | NotTaken:
    """Make the invited person's account, or begin their old one anew if the invitation says so.

    Raises `LinkIsOver`, also where there is an account that is to `join`.
    """
    link, staff = _invited(db, token, now)
    account = db.get_one(Account, link.account_id) if link.account_id else None
    if account is None and account_by_email(db, staff.email) is not None:
        raise LinkIsOver
    clinic = db.get_one(Clinic, staff.clinic_id)
    refused = why_refused(password, (staff.name, staff.email, clinic.name, "aftercare"))
    if refused:
        return NotTaken("password", refused)
    step = matching_step(link.totp_secret or "", code, now, last_step=0)
    if step is None:
        return NotTaken("code", "This is not the code the app shows now. Wait for the next one.")
    if account is None:
        account = Account(
            email=staff.email, email_hash=email_hashes(db, staff.email)[0], created_at=now
        )
        db.add(account)
    account.password_hash, account.password_set_at = passwords.hashed(password), now
    account.totp_secret, account.last_totp_step = link.totp_secret, step
    db.flush()
    end_sign_ins(db, now, account_id=account.id)
    _use(db, link, staff, account, now)
    return Joined(new_recovery_codes(db, account.id))


def sample_account(db: Session, staff: Staff, password: str, now: datetime) -> None:
    """Give one of the sandbox's samples an account, which needs no second factor there."""
    account = Account(
        email=staff.email,
        email_hash=email_hashes(db, staff.email)[0],
        password_hash=passwords.hashed(password),
        created_at=now,
        password_set_at=now,
    )
    db.add(account)
    db.flush()
    staff.account_id = account.id
    note(db, account, "sample_account_made", now)


def new_recovery_codes(db: Session, account_id: UUID) -> tuple[str, ...]:
    """Replace an account's recovery codes; return them as they are shown, this once."""
    plain = ["".join(secrets.choice(_LETTERS) for _ in range(24)) for _ in range(_RECOVERY_CODES)]
    replace_recovery_codes(db, account_id, plain)
    return tuple("-".join(code[at : at + 6] for at in range(0, 24, 6)) for code in plain)


def _use(db: Session, link: StaffLink, staff: Staff, account: Account, now: datetime) -> None:
    link.used_at, link.totp_secret = now, None
    staff.account_id = account.id
    db.flush()
    note(db, account, "invitation_accepted", now, only=staff)


def _invited(db: Session, token: str, now: datetime) -> tuple[StaffLink, Staff]:
    link = open_link(db, LinkPurpose.INVITATION, token, now)
    staff = db.get(Staff, link.staff_id) if link else None
    if link is None or staff is None or staff.disabled_at is not None:
        raise LinkIsOver
    return link, staff
