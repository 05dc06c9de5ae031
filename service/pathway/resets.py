"""A forgotten password: a link by email, once, for half an hour; the second factor stays."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from service.domain.passwords import why_refused
from service.domain.protocol import CURRENT_VERSION
from service.domain.values import LANE_REPLY, Channel, Language, MessageKind, MessageState
from service.pathway.account_audit import note
from service.pathway.guessing import Guess, Visitor, count_guess, count_request
from service.pathway.invitations import LinkIsOver, NotTaken
from service.pathway.own_account import set_password
from service.pathway.signing_in import factor_is_right
from service.store.accounts import Account, LinkPurpose, StaffLink, account_by_email, open_link
from service.store.clinics import Clinic, memberships
from service.store.messages import Message
from service.store.patients import address_for
from service.store.secrets import token_hash
from service.store.sign_ins import end_sign_ins

OPEN_FOR = timedelta(minutes=30)
_WORDING = "email_reset"


def ask_for_reset(
    db: Session, email: str, visitor: Visitor, now: datetime, *, send_at: datetime
) -> None:
    """Plan the email with the link, if there is such an account; nobody is told whether.

    `now` is the wall's, by which the link ends; `send_at` is the clinic's, by which emails go.
    The password and every open sign-in stay as they are: anybody may ask in another's name.
    """
    if count_request(db, email, visitor, now):
        return
    account = account_by_email(db, email)
    places = memberships(db, account.id) if account else []
    sending = [clinic for _, clinic in places if clinic.email_from]
    if account is None or not sending:
        return
    token = secrets.token_urlsafe(32)
    db.add(
        StaffLink(
            purpose=LinkPurpose.RESET,
            account_id=account.id,
            token_hash=token_hash(token),
            created_at=now,
            expires_at=now + OPEN_FOR,
        )
    )
    _plan_email(db, sending[0], account, token, send_at)
    note(db, account, "reset_asked", now, address=visitor.address)


def look_at_reset(db: Session, token: str, now: datetime) -> str:
    """Return whose password a link sets; raises `LinkIsOver`. Changes nothing."""
    return _account(db, token, now).email


def reset(db: Session, token: str, password: str, code: str, now: datetime) -> NotTaken | None:
    """Set a new password and end every sign-in; None when all is well. Raises `LinkIsOver`.

    The code of the authenticator app, or a recovery code, is asked for as ever: who reads
    somebody's mail is not that person yet.
    """
    account = _account(db, token, now)
    known = [
        word for staff, clinic in memberships(db, account.id) for word in (staff.name, clinic.name)
    ]
    refused = why_refused(password, (account.email, "aftercare", *known))
    if refused:
        return NotTaken("password", refused)
    many = count_guess(db, account, Guess.CODE, now)
    if many:
        return NotTaken("code", f"Too many tries. Wait {many.seconds} seconds, then try again.")
    if not factor_is_right(db, account, code, now):
        note(db, account, "reset_refused", now)
        return NotTaken("code", "This code is not right, or was used already.")
    set_password(db, account, password, now)
    end_sign_ins(db, now, account_id=account.id)
    note(db, account, "password_reset", now)
    return None


def _account(db: Session, token: str, now: datetime) -> Account:
    link = open_link(db, LinkPurpose.RESET, token, now)
    if link is None or link.account_id is None:
        raise LinkIsOver
    return db.get_one(Account, link.account_id)


def _plan_email(db: Session, clinic: Clinic, account: Account, token: str, now: datetime) -> None:
    to = address_for(db, clinic.id, Channel.EMAIL, account.email, now)
    until = now + OPEN_FOR
    db.add(
        Message(
            clinic_id=clinic.id,
            address_id=to.id,
            key=_WORDING,
            kind=MessageKind.NOTICE,
            lane=int(LANE_REPLY),
            channel=Channel.EMAIL,
            wording=_WORDING,
            language=Language.EN,
            protocol_version=CURRENT_VERSION,
            slots={"reset_token": token},
            due_at=now,
            send_at=now,
            send_before=until,
            useful_until=until,
            state=MessageState.PLANNED,
            created_at=now,
        )
    )
