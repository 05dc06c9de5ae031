"""What people do with their own account: its password, recovery codes and sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.passwords import why_refused
from service.pathway.account_audit import note
from service.pathway.guessing import Guess, count_guess, forget_guesses
from service.pathway.invitations import NotTaken, new_recovery_codes
from service.pathway.signing_in import SignedInStaff
from service.store import passwords
from service.store.accounts import Account, close_links, recovery_codes_left
from service.store.sign_ins import end_sign_ins

_NOT_YOURS = "This is not your current password."


@dataclass(frozen=True)
class OwnAccount:
    """What the page of one's own account shows."""

    email: str
    codes_left: int
    has_second_factor: bool


def own_account(db: Session, staff: SignedInStaff) -> OwnAccount:
    """Return how one's own account stands."""
    account = db.get_one(Account, staff.account_id)
    left = recovery_codes_left(db, account.id)
    return OwnAccount(account.email, left, account.totp_secret is not None)


def change_password(
    db: Session, staff: SignedInStaff, old: str, new: str, now: datetime
) -> NotTaken | None:
    """Take a new password and end every other sign-in; None when all is well."""
    account = db.get_one(Account, staff.account_id)
    why = _why_not_theirs(db, account, old, now)
    if why:
        return NotTaken("old", why)
    refused = why_refused(new, (staff.name, account.email, staff.clinic.name, "aftercare"))
    if refused:
        return NotTaken("new", refused)
    set_password(db, account, new, now)
    end_sign_ins(db, now, account_id=account.id, but=staff.sign_in_id)
    note(db, account, "password_changed", now)
    return None


def set_password(db: Session, account: Account, new: str, now: datetime) -> None:
    """Store a password that was found good, and end the links that could set another."""
    account.password_hash, account.password_set_at = passwords.hashed(new), now
    close_links(db, now, account_id=account.id)


def renew_recovery_codes(
    db: Session, staff: SignedInStaff, password: str, now: datetime
) -> tuple[str, ...] | NotTaken:
    """Return new recovery codes, shown this once; those of before are worth nothing."""
    account = db.get_one(Account, staff.account_id)
    why = _why_not_theirs(db, account, password, now)
    if why:
        return NotTaken("password", why)
    note(db, account, "recovery_codes_renewed", now)
    return new_recovery_codes(db, account.id)


def sign_out_everywhere(db: Session, staff: SignedInStaff, now: datetime) -> None:
    """End every sign-in of one's account, this one too."""
    end_sign_ins(db, now, account_id=staff.account_id)
    note(db, db.get_one(Account, staff.account_id), "signed_out_everywhere", now)


def why_not_theirs(db: Session, staff: SignedInStaff, password: str, now: datetime) -> str | None:
    """Say why a password does not show that this is who signed in; None when it does."""
    return _why_not_theirs(db, db.get_one(Account, staff.account_id), password, now)


def _why_not_theirs(db: Session, account: Account, password: str, now: datetime) -> str | None:
    """Say why a password does not show that this is its owner; None when it does.

    Whoever finds a browser that was left open must not guess the password there.
    """
    many = count_guess(db, account, Guess.PASSWORD, now)
    if many:
        return f"Too many tries. Wait {many.seconds} seconds, then try again."
    right, _ = passwords.verify(password, account.password_hash)
    if right:
        forget_guesses(db, account, Guess.PASSWORD)
    return None if right else _NOT_YOURS
