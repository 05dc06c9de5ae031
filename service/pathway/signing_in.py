"""Someone signs in: password, then code; throttled, remembered for a day, ended at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from service.domain.second_factor import matching_step
from service.domain.values import Role
from service.pathway.account_audit import note
from service.pathway.guessing import (
    Guess,
    TooMany,
    Visitor,
    count,
    count_guess,
    forget_guesses,
    forgive,
    is_known,
    keys_of_sign_in,
    mark_of_browser,
)
from service.store import passwords
from service.store.accounts import (
    Account,
    account_by_email,
    use_recovery_code,
    use_totp_step,
)
from service.store.clinics import Clinic, Staff, memberships
from service.store.engine import Sessions
from service.store.secrets import token_hash
from service.store.sign_ins import SignIn, sign_in_by_token

IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=12)
_FOR_THE_CODE = timedelta(minutes=5)
_CODES_PER_PASSWORD = 5
_SEEN_EVERY = timedelta(minutes=1)
"""Being seen is written down no oftener, so that looking at a page is rarely a write."""


@dataclass(frozen=True)
class PasswordTaken:
    """The password was right; `token` is the cookie, and a code may still be wanted."""

    token: str
    needs_code: bool
    device: str | None = None


@dataclass(frozen=True)
class SignedInNow:
    """All is well: `token` is the new cookie, `device` marks the browser as known."""

    token: str
    device: str


@dataclass(frozen=True)
class Wrong:
    """It was not right; what was not, is not said."""


@dataclass(frozen=True)
class SignedInStaff:
    """Who is looking, in which of their clinics, as what."""

    sign_in_id: UUID
    account_id: UUID
    staff_id: UUID
    name: str
    role: Role
    clinic_id: UUID
    clinic: Clinic


@dataclass(frozen=True)
class ClinicToChoose:
    """Somebody is signed in and works at several clinics, or at none any more."""

    sign_in_id: UUID
    account_id: UUID


def check_password(
    sessions: Sessions, email: str, password: str, visitor: Visitor, now: datetime, *, waive: bool
) -> PasswordTaken | Wrong | TooMany:
    """Judge a password; `waive` lets an account without a second factor in (the sandbox).

    No transaction is open while the password is hashed, which takes long on purpose.
    """
    with sessions.begin() as db:
        account = account_by_email(db, email)
        keys = keys_of_sign_in(db, email, account, visitor)
        many = count(db, keys, now)
        if many:
            return many
        stored = account.password_hash if account else None
    right, stronger = passwords.verify(password, stored)
    with sessions.begin() as db:
        account = account_by_email(db, email)
        if account is None or not right or not _may_enter(account, waive):
            note(db, account, "sign_in_failed", now, address=visitor.address)
            return Wrong()
        if stronger:
            account.password_hash = stronger
        forgive(db, keys, now)
        if account.totp_secret is None:
            done = _complete(db, account, visitor, now, began_at=now)
            return PasswordTaken(done.token, needs_code=False, device=done.device)
        return PasswordTaken(_begin(db, account.id, now), needs_code=True)


def check_code(
    sessions: Sessions, token: str, code: str, visitor: Visitor, now: datetime
) -> SignedInNow | Wrong | TooMany | None:
    """Judge a code after the password; None when the password must be typed (again)."""
    with sessions.begin() as db:
        half = sign_in_by_token(db, token)
        if half is None or half.complete or now - half.began_at > _FOR_THE_CODE:
            return None
        account = db.get_one(Account, half.account_id, with_for_update=True)
        many = count_guess(db, account, Guess.CODE, now)
        if many:
            return many
        half.tries += 1
        if not factor_is_right(db, account, code, now):
            note(db, account, "sign_in_failed", now, address=visitor.address, factor="code")
            if half.tries >= _CODES_PER_PASSWORD:
                half.ended_at = now
                return None
            return Wrong()
        # Whoever gave the browser its first cookie must not know the one that opens everything.
        half.ended_at = now
        return _complete(db, account, visitor, now, began_at=half.began_at)


def factor_is_right(db: Session, account: Account, code: str, now: datetime) -> bool:
    """Is this the app's code of now, or a recovery code? Either is used up by it."""
    if account.totp_secret is None:
        return False
    step = matching_step(account.totp_secret, code, now, last_step=account.last_totp_step)
    if step is not None:
        right = use_totp_step(db, account.id, step)
    else:
        right = use_recovery_code(db, account.id, plain_code(code), now)
    if right:
        forget_guesses(db, account, Guess.CODE)
    return right


def plain_code(code: str) -> str:
    """Return a recovery code as it is stored, however it was typed."""
    return "".join(letter for letter in code.upper() if letter.isalnum())


def who_is(
    db: Session, token: str, now: datetime, *, acts: bool = True
) -> SignedInStaff | ClinicToChoose | None:
    """Return who has this cookie, or None when they must sign in.

    A page that looks for news by itself must not keep them signed in: there nobody `acts`.
    """
    row = sign_in_by_token(db, token)
    if row is None or not row.complete:
        return None
    if now - row.seen_at >= IDLE or now - row.began_at >= LONGEST:
        return None
    if acts and now - row.seen_at >= _SEEN_EVERY:
        row.seen_at = now
    if row.staff_id is None:
        return ClinicToChoose(row.id, row.account_id)
    staff = db.get_one(Staff, row.staff_id)
    if staff.disabled_at is not None or staff.role is not row.role:
        return None
    clinic = db.get_one(Clinic, staff.clinic_id)
    return SignedInStaff(
        sign_in_id=row.id,
        account_id=row.account_id,
        staff_id=staff.id,
        name=staff.name,
        role=staff.role,
        clinic_id=clinic.id,
        clinic=clinic,
    )


def choose_clinic(db: Session, token: str, staff_id: UUID, now: datetime) -> str | None:
    """Go on in another of one's clinics; return the new cookie, None when it is not theirs."""
    row = sign_in_by_token(db, token)
    if row is None or who_is(db, token, now) is None:
        return None
    found = [staff for staff, _ in memberships(db, row.account_id) if staff.id == staff_id]
    if not found:
        return None
    row.ended_at = now
    note(db, db.get_one(Account, row.account_id), "clinic_chosen", now, only=found[0])
    return _new(db, row.account_id, now, began_at=row.began_at, staff=found[0])


def sign_out(db: Session, token: str, now: datetime) -> None:
    """End a sign-in; one that has ended already stays as it is."""
    row = sign_in_by_token(db, token)
    if row is not None:
        row.ended_at = now
        note(db, db.get_one(Account, row.account_id), "signed_out", now)


def _may_enter(account: Account, waive: bool) -> bool:
    return waive or account.totp_secret is not None


def _begin(db: Session, account_id: UUID, now: datetime) -> str:
    """Remember that the password was right; return the cookie with which the code is given."""
    return _new(db, account_id, now, began_at=now, complete=False)


def _complete(
    db: Session, account: Account, visitor: Visitor, now: datetime, *, began_at: datetime
) -> SignedInNow:
    places = memberships(db, account.id)
    staff = places[0][0] if len(places) == 1 else None
    note(db, account, "signed_in", now, address=visitor.address)
    token = _new(db, account.id, now, began_at=began_at, staff=staff)
    device = visitor.device
    if device is None or not is_known(db, account.id, device):
        device = mark_of_browser(db, account.id)
    return SignedInNow(token, device)


def _new(
    db: Session,
    account_id: UUID,
    now: datetime,
    *,
    began_at: datetime,
    staff: Staff | None = None,
    complete: bool = True,
) -> str:
    token = secrets.token_urlsafe(32)
    db.add(
        SignIn(
            account_id=account_id,
            token_hash=token_hash(token),
            complete=complete,
            staff_id=staff.id if staff else None,
            role=staff.role if staff else None,
            created_at=now,
            began_at=began_at,
            seen_at=now,
        )
    )
    db.flush()
    return token
