"""Replies a second: signature, reading, flag and commit, beside a handler that only reads."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select
from twilio.request_validator import RequestValidator

from service.bench.databases import SENDER, measured_database, phone
from service.bench.patients import await_answers
from service.bench.servers import SECRET, Post, answered_per_second, free_port, server
from service.store.flags import Flag
from service.store.replies import Reply

_ACCOUNT = "AC" + "0" * 32
_TOKEN = "a token for measuring"  # noqa: S105  # known to the stand-in alone
_REPLIES = (
    "2",
    "its a 3, way better thanks",
    "sore but ok, no numbness or swelling",
    "7 and my hand is still numb",
    "the spot is red and hot since last night",
    "un poco adolorido pero bien",
    "me duele mas que ayer, como un 8",
    "can I take ibuprofen for this?",
    "thank you!",
    "not great, cramps all night and I could hardly sleep",
)


def run(*, replies: int, in_flight: int, database_url: str | None) -> dict[str, Any]:
    """Post as many signed replies of patients with an open check-in; return the figures.

    Raises `RuntimeError` when one is refused, or is not in the database afterwards.
    """
    patients = max(1, replies // 4)
    with measured_database(database_url) as database:
        await_answers(database, patients)
        port = free_port()
        with server(["service.bench.bare_web", str(port)], port) as bare:
            posts = [Post("/", _form(number, patients)) for number in range(replies)]
            answered_per_second(bare, posts[:50], 200, in_flight)
            bare_rate = answered_per_second(bare, posts, 200, in_flight)
        port = free_port()
        public = f"http://127.0.0.1:{port}"
        with server(
            ["service", "web", "--port", str(port)],
            port,
            AFTERCARE_DATABASE_URL=database.url,
            AFTERCARE_SECRET_KEYS=SECRET,
            AFTERCARE_PUBLIC_URL=public,
            AFTERCARE_TWILIO_ACCOUNT_SID=_ACCOUNT,
            AFTERCARE_TWILIO_AUTH_TOKEN=_TOKEN,
        ) as url:
            warm = [_signed(public, replies + number, patients) for number in range(50)]
            answered_per_second(url, warm, 200, in_flight)
            signed = [_signed(public, number, patients) for number in range(replies)]
            rate = answered_per_second(url, signed, 200, in_flight)
        with database.sessions() as db:
            stored = db.scalar(select(func.count()).select_from(Reply)) or 0
            flags = db.scalar(select(func.count()).select_from(Flag)) or 0
        if stored != replies + len(warm):
            raise RuntimeError(f"{replies + len(warm) - stored} replies were lost")
        return {
            "replies": replies,
            "database": database.kind,
            "in_flight": in_flight,
            "replies_per_second": round(rate, 1),
            "body_read_per_second": round(bare_rate, 1),
            "ratio": round(rate / bare_rate, 3),
            "flags": flags,
        }


def _fields(number: int, patients: int) -> dict[str, str]:
    sid = f"SM{number:032x}"
    body = _REPLIES[number % len(_REPLIES)]
    return {
        "AccountSid": _ACCOUNT,
        "MessageSid": sid,
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "From": phone(number % patients),
        "To": SENDER,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        "ApiVersion": "2010-04-01",
    }


def _form(number: int, patients: int) -> bytes:
    return urlencode(_fields(number, patients)).encode()


def _signed(public_url: str, number: int, patients: int) -> Post:
    path = "/webhooks/twilio/inbound"
    fields = _fields(number, patients)
    signature = RequestValidator(_TOKEN).compute_signature(public_url + path, fields)
    return Post(
        path,
        _form(number, patients),
        {
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
