"""Replies a second: signature, reading, flag and commit, beside a handler that only reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from service.bench.databases import measured_database
from service.bench.patients import await_answers
from service.bench.replies import reply_form, signed_reply
from service.bench.servers import SECRET, Post, answered_per_second, free_port, server
from service.gateways.twilio_sms import TwilioAccount
from service.store.flags import Flag
from service.store.replies import Reply

_ACCOUNT = TwilioAccount("AC" + "0" * 32, "a token for measuring")


def run(*, replies: int, in_flight: int, database_url: str | None) -> dict[str, Any]:
    """Post as many signed replies of patients with an open check-in; return the figures.

    Raises `RuntimeError` when one is refused, or is not in the database afterwards.
    """
    patients = max(1, replies // 4)
    with measured_database(database_url) as database:
        await_answers(database, patients)
        port = free_port()
        with server(["service.bench.bare_web", str(port)], port) as bare:
            posts = [Post("/", reply_form(number, patients, _ACCOUNT)) for number in range(replies)]
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
            AFTERCARE_TWILIO_ACCOUNT_SID=_ACCOUNT.sid,
            AFTERCARE_TWILIO_AUTH_TOKEN=_ACCOUNT.auth_token,
        ) as url:
            warm = [
                signed_reply(public, replies + number, patients, _ACCOUNT) for number in range(50)
            ]
            answered_per_second(url, warm, 200, in_flight)
            signed = [signed_reply(public, number, patients, _ACCOUNT) for number in range(replies)]
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
