"""Enrolments a second: the real process, over HTTP, each session with its eight to ten messages."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from service.bench.databases import Measured, measured_database, phone
from service.bench.servers import SECRET, Post, answered_per_second, free_port, server
from service.clock import system_now
from service.store.messages import Message
from service.store.sessions import TreatmentSession


def run(*, enrolments: int, in_flight: int, database_url: str | None) -> dict[str, Any]:
    """Enrol as many new patients at one web process; return the figures.

    Raises `RuntimeError` when one is refused, or is not in the database afterwards.
    """
    with measured_database(database_url) as database:
        port = free_port()
        with server(
            ["service", "web", "--port", str(port)],
            port,
            AFTERCARE_DATABASE_URL=database.url,
            AFTERCARE_SECRET_KEYS=SECRET,
        ) as url:
            warm = [_enrolment(database, number, system_now()) for number in range(20)]
            answered_per_second(url, warm, 201, in_flight)
            now = system_now()
            posts = [_enrolment(database, 20 + number, now) for number in range(enrolments)]
            rate = answered_per_second(url, posts, 201, in_flight)
        with database.sessions() as db:
            stored = db.scalar(select(func.count()).select_from(TreatmentSession)) or 0
            messages = db.scalar(select(func.count()).select_from(Message)) or 0
        if stored != enrolments + len(warm):
            raise RuntimeError(f"{enrolments + len(warm) - stored} enrolments were lost")
        return {
            "enrolments": enrolments,
            "database": database.kind,
            "in_flight": in_flight,
            "enrolments_per_second": round(rate, 1),
            "messages_each": round(messages / stored, 1),
        }


def _enrolment(database: Measured, number: int, now: datetime) -> Post:
    session = {
        "external_id": f"visit-{number}",
        "patient": {"first_name": "Ana", "phone": phone(number), "consent": {"sms": True}},
        "ended_at": (now - timedelta(minutes=5)).isoformat(),
        "regions": ["upper_trap"],
        "baseline_pain": 5,
        "first_session": True,
        "trigger_points": "high",
        "plan": "heat",
    }
    headers = {"Authorization": f"Bearer {database.api_key}", "Content-Type": "application/json"}
    return Post("/api/v1/sessions", json.dumps(session).encode(), headers)
