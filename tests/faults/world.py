"""A small world for trials: clinics, patients, their phones, one clock, workers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from service.app import reply_rules
from service.domain.values import (
    Channel,
    Consents,
    HeatIcePlan,
    Language,
    MessageState,
    TriggerPoints,
)
from service.gateways.ports import SentLookUp
from service.gateways.twilio_lookups import TwilioLookUps
from service.gateways.twilio_sms import TwilioAccount
from service.pathway.composing import composer
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.enrolment import NewPatient, NewSession, enrol
from service.pathway.lateness import judge_again
from service.pathway.missed_texts import fetch_missed_texts
from service.pathway.questions import act_on_silence
from service.pathway.settling import settle_unknown
from service.pathway.silence import raise_silences
from service.sandbox.phone_exchange import OptOuts
from service.sandbox.phone_network import PhoneNetwork
from service.store.audit import chain_entries
from service.store.clinics import Clinic
from service.store.engine import Sessions, snapshot
from service.store.messages import Message
from service.store.patients import Address
from service.store.replies import Reply
from tests.faults.clock import SharedClock
from tests.faults.evidence import Evidence, OptOutSeen, Seen, read_evidence
from tests.faults.steps import SteppingGateway, SteppingLookUps, Steps
from tests.make import a_clinic

ZONES = ("America/Chicago", "America/Denver", "America/Phoenix", "America/New_York")
SENDERS = ("+12815550000", "+13035550000")
FINE = ("2", "1 feeling good", "0", "3 a bit sore but ok")
STOPS = (
    "STOP",
    "Stop please",
    "stop texting me",
    "ＳＴＯＰ",
    "s.t.o.p",
    "parar",
    "no more texts please",
)
REDS = (
    "i cant breathe and my chest hurts",
    "short of breath since last night",
    "no puedo respirar",
)
RED_STOPS = ("STOP i cant breathe",)
_OPEN = (MessageState.PLANNED, MessageState.CLAIMED, MessageState.UNKNOWN)
_A_MOMENT = timedelta(milliseconds=5)


@dataclass
class World:
    """One trial's world. Its randomness is all in `chance`, so that a seed plays it again."""

    sessions: Sessions
    folder: Path
    chance: random.Random
    public_url: str = "http://127.0.0.1:9"
    """Where the provider reports to; by default nobody listens, and nobody is told."""
    told: bool = False
    """Does the provider report, and announce patients' texts, to `public_url`?"""
    patience: float = 60.0
    """Seconds for one turn of a worker; then it is given up."""
    seen: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        self.clock = SharedClock(self.folder / "clock")
        self.rules = reply_rules()
        self.network = PhoneNetwork(
            self.clock.now,
            journal=self.folder / "phones.jsonl",
            inbound_url=f"{self.public_url}/webhooks/twilio/inbound" if self.told else None,
            opt_outs=OptOuts.OFF,
            step=0.001,
        )
        self.account = TwilioAccount(
            self.network.account, self.network.auth_token, self.network.start()
        )
        self.network.change_habits(callbacks=self.told, inbound=self.told)
        self.seen.receipts = self.told

    def close(self) -> None:
        """Stop the phones."""
        self.network.stop()

    # --- what happens in it --------------------------------------------------------------------

    def plan(self, patients: int) -> None:
        """Two clinics have treated so many patients this morning, in all zones."""
        with self.sessions.begin() as db:
            clinics = [
                a_clinic(db, sender=sender, name=f"Clinic {place}", segments_per_second=1e6)
                for place, sender in enumerate(SENDERS)
            ]
            for number in range(patients):
                self._treat(db, clinics[number % 2], number)

    def _treat(self, db, clinic: Clinic, number: int) -> None:
        now = self.clock.now()
        patient = NewPatient(
            first_name=f"Patient {number}",
            phone=f"+1281555{1000 + number}",
            email=None,
            language=self.chance.choice(list(Language)),
            time_zone=ZONES[number % len(ZONES)],
            channel=Channel.SMS,
            consents=Consents(sms=True, email=False, details=True),
        )
        session = NewSession(
            external_id=None,
            patient=patient,
            ended_at=now - timedelta(minutes=self.chance.randrange(60)),
            regions=(self.chance.choice(list(_regions())),),
            baseline_pain=self.chance.randrange(1, 9),
            first_session=self.chance.random() < 0.5,
            trigger_points=self.chance.choice(list(TriggerPoints)),
            plan=self.chance.choice(list(HeatIcePlan)),
            move_plan=None,
        )
        enrol(db, clinic, session, by="harness", now=now)

    def next_moment(self) -> datetime | None:
        """When something is to be done next; None when all messages have ended."""
        now = self.clock.now()
        with self.sessions() as db:
            rows = db.execute(
                select(Message.state, Message.send_at, Message.lease_until, Message.ask_at).where(
                    Message.state.in_(_OPEN)
                )
            ).all()
        moments = []
        for state, send_at, lease_until, ask_at in rows:
            due = {
                MessageState.PLANNED: send_at,
                MessageState.CLAIMED: lease_until,
                MessageState.UNKNOWN: ask_at,
            }[state]
            if due is not None:
                moments.append(max(due, now) + _A_MOMENT)
        return min(moments, default=None)

    def is_anything_due(self) -> bool:
        """Is there something that a worker should be doing at this moment?"""
        now = self.clock.now()
        due = or_(
            and_(Message.state == MessageState.PLANNED, Message.send_at <= now),
            and_(Message.state == MessageState.CLAIMED, Message.lease_until <= now),
            and_(Message.state == MessageState.UNKNOWN, Message.ask_at <= now),
        )
        # To look takes no lock, and waits for none.
        with snapshot(self.sessions.kw["bind"]) as connection:
            return connection.scalar(select(Message.id).where(due).limit(1)) is not None

    def move_on(self) -> bool:
        """Let time pass until something is to be done; False when nothing is left."""
        moment = self.next_moment()
        if moment is None:
            return False
        self.clock.move_to(moment)
        return True

    def write(self, phone: str, clinic: str, body: str) -> str:
        """A patient texts a clinic; the harness keeps in mind what it meant by it."""
        sid = self.network.inbound(phone, clinic, body)
        if body in STOPS + RED_STOPS:
            self.seen.stops.add(sid)
        if body in REDS + RED_STOPS:
            self.seen.reds.add(sid)
        return sid

    def somebody_writes(self) -> None:
        """Now and then, one of those who had a text answers it."""
        texted = [text for text in self.network.texts() if text.direction == "outbound-api"]
        if not texted or self.chance.random() > 0.35:
            return
        text = self.chance.choice(texted)
        said = self.chance.choices((FINE, STOPS, REDS, RED_STOPS), weights=(6, 2, 2, 1))[0]
        self.write(text.recipient, text.sender or "", self.chance.choice(said))

    # --- workers -------------------------------------------------------------------------------

    def send(self, sessions: Sessions | None = None, steps: Steps | None = None) -> None:
        """One worker's turn: whatever is due is sent, to the end."""
        steps = steps or Steps()
        asked = (sessions or self.sessions, self.clock, self.account, self.public_url, steps)
        try:
            send_what_is_due(*asked, self.patience)
        except TimeoutError:
            pass  # It stands still: what it did until then is in `calls`.
        finally:
            self.seen.calls += steps.calls

    def do_duties(self, sessions: Sessions | None = None, steps: Steps | None = None) -> None:
        """All else that a worker does, once."""
        do_duties(sessions or self.sessions, self.clock, self.account, steps or Steps())

    def fetch(self) -> int:
        """Fetch what patients wrote from the provider's list."""
        asked = TwilioLookUps(self.account)
        try:
            found = fetch_missed_texts(self.sessions, asked, self.rules, self.clock.now())
        finally:
            asked.close()
        if found:
            self.note_opt_outs()
        return found

    def note_opt_outs(self) -> None:
        """Keep in mind how often each message was claimed when its address had just opted out."""
        known = {one.address_id for one in self.seen.opt_outs}
        with self.sessions() as db:
            stopped = select(Address.id).where(Address.opted_out_at.is_not(None))
            for address_id in db.scalars(stopped).all():
                if address_id not in known:
                    self.seen.opt_outs.append(opt_out_seen(db, address_id))

    def play(
        self,
        fault: Callable[[], None] | None = None,
        *,
        most: int = 150,
        prepare: Callable[[], None] = lambda: None,
        until: Callable[[], bool] = lambda: False,
    ) -> None:
        """Play the story to its end: at each moment `fault` or a quiet turn, replies between.

        `prepare` is called just before time passes: a worker that stays works as soon as it has.
        When `until` says so it is left as it is, to be played on.
        """
        for _ in range(most):
            if until():
                return
            moment = self.next_moment()
            if moment is None:
                break
            prepare()
            self.clock.move_to(moment)
            (fault or self.send)()
            self.do_duties()
            self.somebody_writes()
            self.fetch()
        self.settle()

    def play_to_the_end(self) -> None:
        """Play on in peace, when nobody is left to whom the provider could report."""
        self.network.change_habits(callbacks=False, inbound=False)
        self.told = self.seen.receipts = False
        self.play()

    def settle(self) -> None:
        """Let the days pass undisturbed until all is at its end, and chain the audit."""
        self.network.mend()
        if self.told:
            self.network.settle(also_held=True)
        self.fetch()
        for _ in range(30):
            if not self.move_on():
                break
            self.send()
            self.do_duties()
        if self.told:
            self.network.settle(also_held=True)
        self.clock.move(timedelta(minutes=11))
        self.do_duties()
        with self.sessions.begin() as db:
            while chain_entries(db):
                pass

    def evidence(self) -> Evidence:
        """Read all that it left behind."""
        return read_evidence(self.sessions, self.folder / "phones.jsonl", self.seen)

    def counted(self, model: type[Message] | type[Reply]) -> int:
        """How many rows there are."""
        with self.sessions() as db:
            return db.scalar(select(func.count()).select_from(model)) or 0


def opt_out_seen(db, address_id: UUID) -> OptOutSeen:
    """Look at an address whose opt-out has just been committed."""
    rows = db.execute(
        select(Message.id, Message.attempts).where(Message.address_id == address_id)
    ).all()
    return OptOutSeen(address_id, dict(tuple(row) for row in rows))


def send_what_is_due(
    sessions: Sessions,
    clock: SharedClock,
    account: TwilioAccount,
    public_url: str,
    steps: Steps,
    patience: float = 60.0,
) -> None:
    """Run the real dispatcher until nothing more is due; `TimeoutError` after `patience` s."""

    async def turn() -> None:
        gateway = SteppingGateway(account, steps)
        dispatcher = Dispatcher(
            sessions,
            {Channel.SMS: gateway},
            now=clock.now,
            compose=composer(public_url, clock.now),
            rejudge=judge_again,
            tempo=Tempo(ahead=0.002),
        )
        try:
            await asyncio.wait_for(dispatcher.send_what_is_due(), patience)
        finally:
            await gateway.close()

    asyncio.run(turn())


def do_duties(sessions: Sessions, clock: SharedClock, account: TwilioAccount, steps: Steps) -> None:
    """Settle, look for silences and act on questions, as the worker's duties do."""
    asked: SentLookUp = SteppingLookUps(account, steps)
    settle_unknown(sessions, asked, clock.now())
    raise_silences(sessions, clock.now())
    act_on_silence(sessions, reply_rules(), clock.now())


def _regions() -> tuple[str, ...]:
    from service.domain.protocol import CURRENT_VERSION, load_protocol

    return tuple(load_protocol(CURRENT_VERSION).regions)
