"""The machine: enrols, sends, answers, calls, stops, erases in any order, and checks each step."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, select

from service.app import reply_rules
from service.domain.outcomes import Accepted, Outcome, Refused, Unclear
from service.domain.values import (
    CallOutcome,
    Channel,
    FlagState,
    Level,
    MessageKind,
    MessageState,
    SessionState,
)
from service.domain.windows import zone_named
from service.gateways.ports import Outgoing, SentMessage
from service.pathway.callbacks import own, record_call
from service.pathway.composing import composer
from service.pathway.corrections import correct_end
from service.pathway.dispatch import Dispatcher, Tempo
from service.pathway.enrolment import cancel, enrol
from service.pathway.erasure import erase
from service.pathway.lateness import judge_again
from service.pathway.questions import act_on_silence
from service.pathway.receipts import record_receipt
from service.pathway.replies import Incoming, receive
from service.pathway.settling import settle_unknown
from service.pathway.silence import raise_silences
from service.pathway.stopping import resume, stop
from service.store.clinics import Clinic as ClinicRow
from service.store.engine import open_sessions
from service.store.flags import Flag
from service.store.messages import Message
from service.store.patients import Address, Patient
from service.store.replies import Reply
from service.store.sessions import TreatmentSession
from tests.conftest import empty
from tests.doubles import RecordingGateway, RememberingProvider, RunningClock
from tests.make import NOON, a_clinic
from tests.model.expected import (
    CONFIRMS_A_STOP,
    KINDS_OF_WORDS,
    RED,
    START,
    STOP,
    STOP_AND_RED,
    Clinic,
    Person,
    Posted,
)
from tests.pathway.builders import a_new_session

PHONES = ("+12025550101", "+12025550102")
REGIONS = ("calf_foot", "upper_mid_back", "neck")
RULES = reply_rules()
TAKEN = "taken"
ANSWERS = (TAKEN, TAKEN, TAKEN, "taken, no answer", "not taken, no answer", "busy", "opted out")
SECOND = timedelta(seconds=1)
phones = st.sampled_from(PHONES)
words = st.one_of(*(st.sampled_from(kind) for kind in KINDS_OF_WORDS))


class ClinicMachine(RuleBasedStateMachine):
    """One clinic on one database; `model` is what must be true of it."""

    visits = Bundle("visits")

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine, self.sessions = engine, open_sessions(engine)
        self.model, self.now = Clinic(), NOON
        self.provider = RememberingProvider()
        self.answers = ["taken"]

    def teardown(self) -> None:
        empty(self.engine)

    @initialize()
    def open_the_clinic(self) -> None:
        empty(self.engine)
        with self.sessions.begin() as db:
            self.clinic_id = a_clinic(db, segments_per_second=10_000.0).id

    def clinic(self, db) -> ClinicRow:
        return db.get_one(ClinicRow, self.clinic_id)

    # --- what people do ---------------------------------------------------------------------

    @rule(target=visits, phone=phones, region=st.sampled_from(REGIONS), ago=st.integers(0, 40))
    def enrol_a_patient(self, phone: str, region: str, ago: int) -> UUID:
        ended_at = self.now - timedelta(minutes=ago)
        new = a_new_session(phone, ended_at, regions=(region,), baseline_pain=4)
        with self.sessions.begin() as db:
            visit = enrol(db, self.clinic(db), new, by="Sam", now=self.now)
        person = self.model.people.get(phone)
        if person is None or person.patient_id != visit.patient_id:
            person = self.model.people[phone] = Person(phone, visit.patient_id)
        person.sessions.append(visit.id)
        person.over = False
        return visit.id

    @rule(visit=visits)
    def cancel_a_session(self, visit: UUID) -> None:
        with self.sessions.begin() as db:
            session = db.get_one(TreatmentSession, visit)
            if session.state is SessionState.ACTIVE:
                cancel(db, self.clinic_id, visit, reason="moved", by="Sam", now=self.now)

    @rule(visit=visits, hours=st.integers(-6, 6))
    def correct_the_end(self, visit: UUID, hours: int) -> None:
        with self.sessions.begin() as db:
            session = db.get_one(TreatmentSession, visit)
            if session.state is SessionState.ACTIVE:
                moved = min(session.ended_at + timedelta(hours=hours), self.now)
                correct_end(db, self.clinic(db), visit, moved, by="Sam", now=self.now)

    @rule(phone=phones, words=words)
    def a_text_comes(self, phone: str, words: str) -> None:
        incoming = Incoming(Channel.SMS, "twilio", f"SM{uuid4().hex}", phone, words, (), self.now)
        with self.sessions.begin() as db:
            reply = receive(db, self.clinic(db), incoming, RULES)
            assert reply is not None
            # The provider hands over the same one again: nothing more may come of it.
            assert receive(db, self.clinic(db), incoming, RULES) is None
        if words in STOP or words in STOP_AND_RED:
            self.model.opted_out_since.setdefault(phone, self.now)
        if words in START:
            self.model.opted_out_since.pop(phone, None)
        if words in RED or words in STOP_AND_RED:
            self.model.red.append((reply.id, RED.get(words, "urgent")))
        self.now += SECOND

    @rule(phone=phones)
    def staff_stop_a_patient(self, phone: str) -> None:
        person = self.model.people.get(phone)
        if person and not person.erased:
            with self.sessions.begin() as db:
                stop(db, self.clinic_id, person.patient_id, reason="ill", by="Kim", now=self.now)
            person.stopped = True

    @rule(phone=phones)
    def staff_let_a_patient_have_texts_again(self, phone: str) -> None:
        person = self.model.people.get(phone)
        if person and person.stopped and not person.erased:
            with self.sessions.begin() as db:
                resume(db, self.clinic_id, person.patient_id, by="Kim", now=self.now)
            person.stopped = False

    @rule(phone=phones)
    def a_patient_is_erased(self, phone: str) -> None:
        person = self.model.people.get(phone)
        if person and not person.erased:
            with self.sessions.begin() as db:
                erase(db, self.clinic_id, person.patient_id, force=True, by="Kim", now=self.now)
            person.erased = True
            del self.model.people[phone]

    @rule(outcome=st.sampled_from(CallOutcome))
    def the_most_urgent_call_is_made(self, outcome: CallOutcome) -> None:
        with self.sessions.begin() as db:
            waiting = select(Flag).where(Flag.state != FlagState.CLOSED).order_by(Flag.due_at)
            flag = db.scalars(waiting).first()
            if flag is None:
                return
            if flag.owner is None:
                own(db, self.clinic_id, flag.id, "Kim", self.now)
            record_call(db, self.clinic_id, flag.id, outcome, None, flag.owner or "Kim", self.now)
        if outcome.closes:
            self.model.called.add(flag.id)

    # --- what time and the provider do --------------------------------------------------------

    @rule(minutes=st.sampled_from((1, 5, 20, 90, 300, 720, 1440, 2880)))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.work()

    @rule()
    def an_afternoon_passes(self) -> None:
        self.time_passes(240)

    @rule()
    def days_pass(self) -> None:
        for _ in range(6):
            self.time_passes(720)

    @rule(answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=4))
    def the_provider_is_in_a_mood(self, answers: list[str]) -> None:
        self.answers = answers

    @rule(which=st.integers(0, 30), status=st.sampled_from(("sent", "delivered", "undelivered")))
    def a_receipt_comes(self, which: int, status: str) -> None:
        taken = [one for one in self.model.posted if one.taken]
        if not taken:
            return
        one = taken[which % len(taken)]
        error = 30005 if status == "undelivered" else None
        for _ in range(2):
            with self.sessions.begin() as db:
                ref = f"SM{one.message_id.hex}"
                record_receipt(db, one.message_id, ref, status, error, self.now)

    def work(self) -> None:
        """Let the worker do all that is due at this moment."""
        gateway = RecordingGateway(answer=self._answer)
        dispatcher = Dispatcher(
            self.sessions,
            {Channel.SMS: gateway},
            now=RunningClock(self.now),
            compose=composer("https://care.example", lambda: self.now),
            rejudge=judge_again,
            tempo=Tempo(ahead=0.0),
        )
        asyncio.run(dispatcher.send_what_is_due())
        settle_unknown(self.sessions, self.provider, self.now)
        act_on_silence(self.sessions, RULES, self.now)
        raise_silences(self.sessions, self.now)
        self.now += SECOND

    def _answer(self, outgoing: Outgoing) -> Outcome:
        answer = self.answers[len(self.model.posted) % len(self.answers)]
        taken = answer.startswith("taken")
        self.model.posted.append(Posted(outgoing.id, outgoing.recipient, self.now, taken))
        ref = f"SM{outgoing.id.hex}"
        if taken:
            self.provider.taken.append(
                SentMessage(ref, outgoing.text, "sent", None, self.now, outgoing.recipient)
            )
        match answer:
            case "taken":
                return Accepted(ref, "queued", 1)
            case "busy":
                return Refused(20429, "too many requests", retry_after=1.0)
            case "opted out":
                self.model.opted_out_since.setdefault(outgoing.recipient, self.now)
                return Refused(21610, "opted out")
            case _:
                return Unclear("no answer")

    # --- what must hold after each of these ---------------------------------------------------

    @invariant()
    def no_text_is_taken_twice(self) -> None:
        ids = [one.message_id for one in self.model.posted if one.taken]
        assert len(ids) == len(set(ids))

    @invariant()
    def nothing_is_sent_after_an_opt_out(self) -> None:
        with self.sessions() as db:
            keys = dict(db.execute(select(Message.id, Message.key)).all())
        for one in self.model.posted:
            since = self.model.opted_out_since.get(one.phone)
            if since is not None and one.at > since:
                assert keys[one.message_id] in CONFIRMS_A_STOP, keys[one.message_id]

    @invariant()
    def the_schedule_keeps_to_the_day(self) -> None:
        zone = zone_named("America/Chicago")
        with self.sessions() as db:
            kinds = dict(db.execute(select(Message.id, Message.kind)).all())
        for one in self.model.posted:
            if kinds[one.message_id] not in (MessageKind.REPLY, MessageKind.NOTICE):
                assert 8 <= one.at.astimezone(zone).hour < 21

    @invariant()
    def what_is_red_has_a_flag_that_only_a_call_ends(self) -> None:
        with self.sessions() as db:
            replies = {one.id: one for one in db.scalars(select(Reply))}
            flags = db.scalars(select(Flag)).all()
        for reply_id, least in self.model.red:
            reply = replies[reply_id]
            about = [
                flag
                for flag in flags
                if flag.reply_id == reply_id
                or (reply.patient_id and flag.patient_id == reply.patient_id)
            ]
            assert about, "a red reply has no flag"
            assert min(flag.level.rank for flag in about) <= Level(least).rank
        closed = {flag.id for flag in flags if flag.state is FlagState.CLOSED}
        assert closed <= self.model.called

    @invariant()
    def only_the_newest_session_in_care_still_sends(self) -> None:
        with self.sessions() as db:
            planned = db.scalars(
                select(Message).where(
                    Message.state == MessageState.PLANNED, Message.session_id.is_not(None)
                )
            ).all()
            active = {
                one.id: one
                for one in db.scalars(select(TreatmentSession))
                if one.state is SessionState.ACTIVE
            }
        for message in planned:
            if message.kind is not MessageKind.REPLY:
                assert message.session_id in active, message.key
        patients = [one.patient_id for one in active.values()]
        assert len(patients) == len(set(patients))

    @invariant()
    def who_must_not_be_written_to_has_nothing_planned(self) -> None:
        with self.sessions() as db:
            rows = db.execute(
                select(Message, Address, Patient)
                .join(Address, Address.id == Message.address_id)
                .outerjoin(Patient, Patient.id == Message.patient_id)
                .where(Message.state == MessageState.PLANNED)
            ).all()
        for message, address, patient in rows:
            if message.key in CONFIRMS_A_STOP:
                continue
            assert address.opted_out_at is None, message.key
            assert patient is None or patient.in_care(), message.key

    @invariant()
    def nothing_is_known_of_the_erased(self) -> None:
        with self.sessions() as db:
            erased = [one for one in db.scalars(select(Patient)) if one.erased_at]
            ids = {one.id for one in erased}
            said = [one.body for one in db.scalars(select(Reply)) if one.patient_id in ids]
        assert not any(one.first_name or one.phone_address_id for one in erased)
        assert not any(said)
