"""The first start: whoever runs the service makes the clinic and its first admin, once."""

from __future__ import annotations

import base64
import hmac
from datetime import datetime

from sqlalchemy.orm import Session

from service.domain.values import Role
from service.pathway.administration import NotPossible, create_clinic, create_staff
from service.pathway.invitations import invite
from service.store.clinics import all_clinics
from service.store.secrets import Vault, vault_of


class SetUpAlready(Exception):
    """There is a clinic: nobody sets the service up again."""


def set_up_code(vault: Vault) -> str:
    """Return the code that the service prints at its first start, and that the page asks for.

    It is made from the secret keys, so that every process knows it and none has to store it.
    """
    letters = base64.b32encode(vault.signature("set-up", "first start")[:10]).decode()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def is_set_up(db: Session) -> bool:
    """Is there a clinic already?"""
    return bool(all_clinics(db))


def set_up(
    db: Session,
    *,
    code: str,
    clinic_name: str,
    time_zone: str,
    phone: str,
    name: str,
    email: str,
    now: datetime,
) -> str:
    """Make the clinic and its first admin; return the token of their invitation.

    Raises `SetUpAlready`, and `NotPossible` with the field that cannot be taken.
    """
    if is_set_up(db):
        raise SetUpAlready
    wanted = set_up_code(vault_of(db.get_bind().dialect))
    if not hmac.compare_digest(_plain(wanted).encode(), _plain(code).encode()):
        raise NotPossible("code: this is not the code that the service printed when it started.")
    # A clinic without its admin would be the end of the set-up.
    with db.begin_nested():
        clinic = create_clinic(db, name=clinic_name, time_zone=time_zone, phone=phone, now=now)
        admin = create_staff(db, clinic, email=email, role=Role.ADMIN, name=name, now=now)
    return invite(db, admin, now, actor="set-up page")


def _plain(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())
