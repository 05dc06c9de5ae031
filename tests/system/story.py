"""Four days with three patients, played at speed through the real processes, and what must show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import select

from service.clock import Clock, fast_clock, system_now
from service.domain.protocol import load_protocol
from service.domain.windows import Window
from service.sandbox.journal import Entry
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.sandbox_clock import SandboxClock
from tests.system.house import until

ANA, BEN, CARLA = "+12815550123", "+13035550124", "+12815550125"
ZONES = {ANA: "America/Chicago", BEN: "America/Denver", CARLA: "America/Chicago"}
LANGUAGES = {ANA: "en", BEN: "en", CARLA: "es"}
NAMES = {ANA: "Ana", BEN: "Ben", CARLA: "Carla"}
SPEED = 4320
"""Four days in eighty seconds: a check-in has four seconds in which it may go out."""
_TUESDAY = 1


def start_the_clock(sessions: Sessions, starting_up: float) -> Clock:
    """Let it be ten in the morning of a Tuesday once the processes have had time to start."""
    began_at = system_now() + timedelta(seconds=starting_up)
    local = (began_at + timedelta(days=1)).astimezone(ZoneInfo(ZONES[ANA]))
    while local.weekday() != _TUESDAY:
        local += timedelta(days=1)
    shown_at = local.replace(hour=10, minute=0).astimezone(UTC)
    with sessions.begin() as db:
        db.add(
            SandboxClock(
                id=1,
                began_at=began_at,
                shown_at=shown_at,
                speed=float(SPEED),
                seen_at=system_now(),
            )
        )
    return fast_clock(began_at, SPEED, start=shown_at)


def is_ten_in_the_morning(clinic_now: Clock) -> bool:
    """A slow machine may have missed it on the first day; the next day will do."""
    return clinic_now().astimezone(ZoneInfo(ZONES[ANA])).hour == 10


class Clinic:
    """The clinic's API, called as its front desk does, and the patients' pretend phones."""

    def __init__(
        self,
        api: httpx.Client,
        write: Callable[[str, str], None],
        journal: Callable[[], list[Entry]],
    ) -> None:
        self._api = api
        self.write = write
        self.journal = journal

    def get(self, path: str) -> Any:
        answer = self._api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **given: Any) -> Any:
        answer = self._api.post(path, json=given)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def enrol(self, phone: str, ended_at: datetime) -> dict[str, Any]:
        return self.post(
            "/api/v1/sessions",
            external_id=f"visit of {NAMES[phone]}",
            ended_at=ended_at.isoformat(),
            regions=["upper_trap"],
            baseline_pain=5,
            first_session=True,
            patient={
                "first_name": NAMES[phone],
                "phone": phone,
                "language": LANGUAGES[phone],
                "time_zone": ZONES[phone],
                "consent": {"sms": True},
            },
        )

    def texts_to(self, phone: str) -> list[Entry]:
        """What the provider accepted for a phone, oldest first."""
        return [
            entry
            for entry in self.journal()
            if entry["event"] == "accepted" and entry["recipient"] == phone
        ]

    def has_had(self, phone: str, words: str) -> bool:
        return any(words in text["body"] for text in self.texts_to(phone))


def play_four_days(clinic: Clinic, clinic_now: Clock, sessions: Sessions) -> None:
    """Enrol three patients; one answers and is called, one is silent, one says STOP midway."""
    until(lambda: is_ten_in_the_morning(clinic_now), 90)
    ended_at = clinic_now() - timedelta(minutes=30)
    enrolled = {phone: clinic.enrol(phone, ended_at) for phone in (ANA, BEN, CARLA)}
    visits = {phone: f"/api/v1/sessions/{one['id']}" for phone, one in enrolled.items()}
    previews = {
        phone: {m["key"]: m["preview"] for m in one["messages"]} for phone, one in enrolled.items()
    }
    assert clinic.enrol(ANA, ended_at)["id"] == enrolled[ANA]["id"]

    # Carla has had enough before the check-in comes.
    until(lambda: was_sent(clinic.get(visits[CARLA]), "welcome"), 90, look_every=0.25)
    clinic.write(CARLA, "STOP")
    until(lambda: clinic.get(visits[CARLA])["replies"], 20)

    # Ana answers the check-in, and staff see it.
    until(lambda: was_sent(clinic.get(visits[ANA]), "checkin_48h"), 150, look_every=0.25)
    clinic.write(ANA, "its a 7 and my hand is still numb")
    flag = until(lambda: flag_of(clinic, enrolled[ANA]["patient_id"]), 20)
    assert (flag["level"], flag["score"]) == ("urgent", 7)
    voicemail = clinic.post(f"/api/v1/flags/{flag['id']}/calls", outcome="voicemail")
    assert voicemail["state"] != "closed"
    assert voicemail["next_try_at"]
    reached = clinic.post(f"/api/v1/flags/{flag['id']}/calls", outcome="reached", note="Is well.")
    assert reached["state"] == "closed"

    # Ben is silent: he is asked again, and once more on day four.
    until(lambda: was_sent(clinic.get(visits[BEN]), "checkin_96h"), 180, look_every=0.25)
    until(lambda: not clinic_has_open_sends(clinic, visits.values()), 30, look_every=0.25)

    for phone, visit in visits.items():
        seen = clinic.get(visit)
        check_texts(clinic.texts_to(phone), seen["messages"], previews[phone], ZONES[phone])
    assert [c["outcome"] for c in clinic.get(visits[ANA])["calls"]] == ["voicemail", "reached"]
    # After STOP there is the confirmation, if anything; a text may have been on its way already.
    seen_by_carla = clinic.get(visits[CARLA])["messages"]
    stopped_at = stop_was_taken_at(clinic)
    assert taken_up_after(sessions, seen_by_carla, stopped_at) <= {"stop"}
    assert not [m for m in seen_by_carla if m["state"] == "planned"]


def stop_was_taken_at(clinic: Clinic) -> datetime:
    """When the clinic had answered the webhook that brought Carla's STOP."""
    journal = clinic.journal()
    stop = next(e["sid"] for e in journal if e["event"] == "inbound" and e["body"] == "STOP")
    answered = next(e["at"] for e in journal if e["event"] == "webhook" and e["sid"] == stop)
    return datetime.fromisoformat(answered)


def taken_up_after(
    sessions: Sessions, messages: list[dict[str, Any]], moment: datetime
) -> set[str]:
    """Which of the messages a worker claimed after `moment` (`reliability.md` O1), by key."""
    ids = [UUID(message["id"]) for message in messages]
    later = select(Message.key).where(Message.id.in_(ids), Message.claimed_at > moment)
    with sessions() as db:
        return set(db.scalars(later))


def was_sent(visit: dict[str, Any], key: str) -> bool:
    """Has this visit's message gone out?"""
    return any(m["key"] == key and m["sent_at"] for m in visit["messages"])


def clinic_has_open_sends(clinic: Clinic, visits: Any) -> bool:
    """Is any message on the wire or in doubt?"""
    states = {m["state"] for visit in visits for m in clinic.get(visit)["messages"]}
    return bool(states & {"claimed", "unknown"})


def flag_of(clinic: Clinic, patient_id: str) -> dict[str, Any] | None:
    """The flag that this patient's reply raised."""
    flags = clinic.get("/api/v1/flags")
    return next((f for f in flags if f["patient_id"] == patient_id and f["score"]), None)


def check_texts(
    texts: list[Entry], messages: list[dict[str, Any]], previews: dict[str, str], zone: str
) -> None:
    """Every text once, by the provider's own journal, in its window and in the words shown."""
    bodies = [text["body"] for text in texts]
    assert len(bodies) == len(set(bodies)), bodies
    sent = [m for m in messages if m["sent_at"]]
    assert sent
    # What was sent and what arrived at the provider are the same, in the words of the preview.
    assert sorted(m["preview"] for m in sent) == sorted(bodies)
    for message in sent:
        if message["key"] not in previews:
            continue  # An answer to what the patient wrote: at any hour.
        text = next(t for t in texts if t["body"] == message["preview"])
        assert text["body"] == previews[message["key"]]
        at = datetime.fromisoformat(text["at"])
        window = window_of(message["key"])
        local = at.astimezone(ZoneInfo(zone))
        assert window is None or is_inside(local, window), (message["key"], local)
        assert datetime.fromisoformat(message["send_at"]) <= at, message["key"]
        assert at < datetime.fromisoformat(message["useful_until"]), message["key"]


def window_of(key: str) -> Window | None:
    """The local hours in which the protocol lets this message arrive."""
    return load_protocol(1).step(key).window


def is_inside(local: datetime, window: Window) -> bool:
    """Is it inside, by the patient's own clock?"""
    return window.opens_on(local.date()) <= local.time() < window.closes
