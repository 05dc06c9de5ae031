"""How soon the call list is drawn for a clinic with many calls to make and years behind it."""

from __future__ import annotations

import secrets
import time
import urllib.request
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

from sqlalchemy import insert, select

from service.app import reply_rules
from service.bench.databases import Measured, measured_database, phone
from service.bench.patients import await_answers
from service.bench.servers import SECRET, free_port, server
from service.clock import system_now
from service.domain.protocol import CURRENT_VERSION
from service.domain.values import (
    Channel,
    HeatIcePlan,
    Language,
    Level,
    Role,
    SessionState,
    TriggerPoints,
)
from service.pathway.administration import create_staff
from service.pathway.replies import Incoming, receive
from service.store.accounts import Account
from service.store.base import new_id
from service.store.clinics import Clinic
from service.store.flags import Flag
from service.store.patients import Address, Patient
from service.store.replies import Reply
from service.store.secrets import token_hash
from service.store.sessions import TreatmentSession
from service.store.sign_ins import SignIn

_LOOKS = 200
_WARM = 20
_AT_ONCE = 5_000
_WORRIES = (
    "7 and my hand is still numb",
    "the spot is red and hot since last night",
    "me duele mas que ayer, como un 8",
    "can I take ibuprofen for this?",
)


def run(*, flags: int, sessions: int, database_url: str | None) -> dict[str, Any]:
    """Draw the call list again and again; return milliseconds from request to the last byte.

    Raises `RuntimeError` when a look is not answered with the list.
    """
    with measured_database(database_url) as database:
        _remember(database, sessions)
        _worry(database, flags)
        cookie = f"aftercare-sign-in={_signed_in(database)}"
        port = free_port()
        with server(
            ["service", "web", "--port", str(port)],
            port,
            AFTERCARE_DATABASE_URL=database.url,
            AFTERCARE_SECRET_KEYS=SECRET,
        ) as url:
            request = urllib.request.Request(f"{url}/calls", headers={"Cookie": cookie})  # noqa: S310  # our own server
            took = [_look(request, flags) for _ in range(_WARM + _LOOKS)][_WARM:]
        ordered = quantiles(took, n=100)
        return {
            "flags": flags,
            "sessions": sessions,
            "database": database.kind,
            "looks": _LOOKS,
            "ms_p50": round(ordered[49], 1),
            "ms_p95": round(ordered[94], 1),
        }


def _look(request: urllib.request.Request, flags: int) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(request) as answer:  # noqa: S310  # our own server
        page = answer.read()
    took = (time.perf_counter() - began) * 1000
    if f"({flags}) Calls".encode() not in page:
        raise RuntimeError("the answer is no list of calls")
    return took


def _remember(database: Measured, sessions: int) -> None:
    """Fill the clinic's past: so many patients with one session and one fine reply each."""
    begin = system_now() - timedelta(days=700)
    for first in range(0, sessions, _AT_ONCE):
        numbers = range(first, min(sessions, first + _AT_ONCE))
        addresses = [_address(database, 1_000_000 + number, begin) for number in numbers]
        patients = [_patient(database, address, begin) for address in addresses]
        visits = [
            _visit(database, patient, begin + timedelta(minutes=10 * number))
            for number, patient in zip(numbers, patients, strict=True)
        ]
        replies = [
            _reply(database, address, visit)
            for address, visit in zip(addresses, visits, strict=True)
        ]
        with database.sessions.begin() as db:
            for table, rows in (
                (Address, addresses),
                (Patient, patients),
                (TreatmentSession, visits),
                (Reply, replies),
            ):
                db.execute(insert(table), rows)
    with database.sessions() as db:
        db.connection().exec_driver_sql("ANALYZE")
        db.commit()


def _address(database: Measured, number: int, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": database.clinic_id,
        "channel": Channel.SMS,
        "lookup_hash": phone(number).encode(),
        "value": phone(number),
        "created_at": at,
    }


def _patient(database: Measured, address: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": database.clinic_id,
        "first_name": "Ana",
        "language": Language.EN,
        "channel": Channel.SMS,
        "phone_address_id": address["id"],
        "created_at": at,
    }


def _visit(database: Measured, patient: dict[str, Any], ended_at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "clinic_id": database.clinic_id,
        "patient_id": patient["id"],
        "ended_at": ended_at,
        "regions": ["calf_foot"],
        "baseline_pain": 5,
        "first_session": True,
        "trigger_points": TriggerPoints.LOW,
        "plan": HeatIcePlan.EITHER,
        "protocol_version": CURRENT_VERSION,
        "state": SessionState.ACTIVE,
        "created_by": "bench",
        "created_at": ended_at,
    }


def _reply(database: Measured, address: dict[str, Any], visit: dict[str, Any]) -> dict[str, Any]:
    received_at = visit["ended_at"] + timedelta(hours=49)
    return {
        "id": new_id(),
        "clinic_id": database.clinic_id,
        "channel": Channel.SMS,
        "provider": "twilio",
        "provider_ref": new_id().hex,
        "address_id": address["id"],
        "patient_id": visit["patient_id"],
        "session_id": visit["id"],
        "body": "2, much better",
        "received_at": received_at,
        "read_at": received_at,
        "level": Level.OK,
        "score": 2,
    }


def _worry(database: Measured, flags: int) -> None:
    """Let so many patients answer what somebody must phone them about."""
    rules, now = reply_rules(), system_now()
    await_answers(database, flags)
    for number in range(flags):
        incoming = Incoming(
            channel=Channel.SMS,
            provider="twilio",
            provider_ref=f"SM{number:032x}",
            sender_address=phone(number),
            body=_WORRIES[number % len(_WORRIES)],
            media=(),
            received_at=now,
        )
        with database.sessions.begin() as db:
            receive(db, db.get_one(Clinic, database.clinic_id), incoming, rules)
    with database.sessions() as db:
        raised = len(db.scalars(select(Flag.id)).all())
    if raised != flags:
        raise RuntimeError(f"{raised} flags were raised, not {flags}")


def _signed_in(database: Measured) -> str:
    """Return the cookie of an admin who has signed in."""
    token, now = secrets.token_urlsafe(32), system_now()
    with database.sessions.begin() as db:
        clinic = db.get_one(Clinic, database.clinic_id)
        email = "admin@bench.example"
        staff = create_staff(db, clinic, email=email, role=Role.ADMIN, now=now)
        account = Account(
            email=email,
            email_hash=staff.email_hash,
            password_hash="",
            totp_secret="",
            created_at=now,
            password_set_at=now,
        )
        db.add(account)
        db.flush()
        staff.account_id = account.id
        db.add(
            SignIn(
                account_id=account.id,
                token_hash=token_hash(token),
                complete=True,
                staff_id=staff.id,
                role=staff.role,
                created_at=now,
                began_at=now,
                seen_at=now,
            )
        )
    return token
