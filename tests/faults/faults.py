"""The faults themselves (`reliability` 3.2): what is done to workers, web and provider."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import httpx
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from service.domain.values import Channel, MessageState
from service.pathway.optouts import lock_address, opt_out
from service.pathway.replies import Incoming, receive
from service.sandbox.phone_faults import Rule, Trouble
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Address
from tests.faults.campaign import Fault, Play, Story
from tests.faults.steps import IN_TRANSACTION
from tests.faults.victims import end, is_frozen, start_web, start_worker
from tests.faults.world import FINE, RED_STOPS, REDS, STOPS, opt_out_seen

_OFTEN = {"statement": 14, "before_commit": 3, "after_commit": 3}
"""How many steps of a name a turn has, about; other steps come once for each text."""


def _one_of(story: Story, steps: tuple[str, ...]) -> tuple[str, int]:
    step = story.chance.choice(steps)
    return step, story.chance.randint(1, _OFTEN.get(step, 2))


def _peacefully(story: Story, turn: Callable[[], None]) -> Callable[[], None]:
    return lambda: story.world.send() if story.over else turn()


# --- F1: a worker is killed ----------------------------------------------------------------------

_WORKER_STEPS = (
    "statement",
    "before_commit",
    "after_commit",
    "before_post",
    "in_post",
    "after_post",
    "before_ask",
    "after_ask",
)


def killed_worker(story: Story) -> None:
    """kill -9 at any step of sending and settling."""

    def turn() -> None:
        step, nth = _one_of(story, _WORKER_STEPS)
        code = end(start_worker(story.orders(step, nth)))
        _count(story, code, step)

    story.world.plan(4)
    story.world.play(_peacefully(story, turn))


def _count(story: Story, code: int, kind: str) -> None:
    if code == -signal.SIGKILL:
        story.hit(kind)
    elif code != 0:
        story.tally.odd[f"a process ended with {code}"] += 1


# --- F2: the web is killed -----------------------------------------------------------------------

_WEB_STEPS = ("statement", "before_commit", "after_commit", "before_answer", "after_answer")


def killed_web(story: Story) -> None:
    """kill -9 at any step of taking in a text or a callback; the provider tries twice."""
    world = story.world
    world.plan(4)
    world.network.change_habits(again_after=0.05)

    def turn() -> None:
        if story.over:
            world.send()
            return
        step, nth = _one_of(story, _WEB_STEPS)
        web = start_web(story.orders(step, nth * 2))
        _some_write(story)
        world.send()
        world.network.settle()
        if web.exitcode is None and web.is_alive():
            web.terminate()
        _count(story, _ended(web), step)
        story.check_now("I2", "D2")

    world.play(turn)
    world.seen.receipts = False


def _some_write(story: Story) -> None:
    world = story.world
    with world.sessions() as db:
        rows = db.execute(
            select(Address.value, Clinic.sender).join(Clinic, Clinic.id == Address.clinic_id)
        ).all()
    for phone, sender in story.chance.choices(rows, k=2):
        said = story.chance.choices((FINE, STOPS, REDS, RED_STOPS), weights=(8, 1, 3, 1))[0]
        world.write(phone, sender, story.chance.choice(said))


def _ended(process) -> int:
    code = end(process)
    return 0 if code == -signal.SIGTERM else code


# --- F3: the provider breaks ---------------------------------------------------------------------

_TROUBLES = (
    Rule(Trouble.REFUSE, status=429, code=20429, retry_after=1),
    Rule(Trouble.REFUSE, status=500),
    Rule(Trouble.REFUSE, status=503),
    Rule(Trouble.REFUSE, status=400, code=21610),
    Rule(Trouble.REFUSE, status=400, code=21211),
    Rule(Trouble.HANG),
    Rule(Trouble.RESET),
    Rule(Trouble.TAKE_AND_HANG),
    Rule(Trouble.TAKE_AND_CUT),
    Rule(Trouble.TAKE_AND_FAIL, status=500),
    Rule(Trouble.HALF_ANSWER),
    Rule(Trouble.CUT_ANSWER),
    Rule(Trouble.NO_SID),
    Rule(Trouble.SLOW, delay=0.1),
)


def broken_provider(story: Story) -> None:
    """Refusals, errors, silence, and texts that are taken though the answer does not arrive."""
    world = story.world
    world.plan(5)

    def turn() -> None:
        model = story.chance.choice(_TROUBLES)
        times = story.chance.randint(1, 3)
        rule = Rule(
            model.trouble,
            times=times,
            status=model.status,
            code=model.code,
            delay=model.delay,
            retry_after=model.retry_after,
        )
        world.network.break_with(rule)
        world.send()
        world.network.mend()
        world.note_opt_outs()
        kind = model.trouble.value + (f" {model.status}" if model.trouble is Trouble.REFUSE else "")
        for _ in range(times - (rule.times or 0)):
            story.hit(kind)

    world.play(_peacefully(story, turn))


# --- F4: a worker is frozen ----------------------------------------------------------------------

_ON_THE_WIRE = 0.03
"""Seconds until the provider has read what was sent, before the clock is moved."""
_FREEZES = (1, 30, 300, 900)


def frozen_worker(story: Story) -> None:
    """SIGSTOP between any two steps for 1 s to 15 min, with another worker; then SIGCONT."""

    def turn() -> None:
        step, nth = _one_of(story, _WORKER_STEPS)
        # Between the last look at the clock and the first byte it is F4r.
        _freeze(story, step, nth, story.chance.choice(_FREEZES), not_in_gap=True)

    story.world.plan(4)
    story.world.play(_peacefully(story, turn))


def frozen_at_the_last_moment(seconds: int) -> Play:
    """SIGSTOP after the last look at the clock, just before the first byte (2.2, step 8)."""

    def play(story: Story) -> None:
        story.world.plan(4)
        turn = partial(_freeze, story, "after_check", 1, seconds, not_in_gap=False)
        story.world.play(_peacefully(story, turn))

    return play


def _freeze(story: Story, step: str, nth: int, seconds: int, *, not_in_gap: bool) -> None:
    world = story.world
    process = start_worker(story.orders(step, nth, signal=signal.SIGSTOP, not_in_gap=not_in_gap))
    while not is_frozen(process) and process.is_alive():
        time.sleep(0.002)
    if is_frozen(process):
        story.hit(f"{step} {seconds} s")
        time.sleep(_ON_THE_WIRE)
        until = world.clock.now() + timedelta(seconds=seconds)
        # Who is frozen in a transaction keeps the others waiting, as long as it lasts.
        while step not in IN_TRANSACTION:
            moment = world.next_moment()
            if moment is None or moment > until:
                break
            world.clock.move_to(moment)
            world.send()
            world.do_duties()
            if moment <= world.clock.now() and world.next_moment() == moment:
                break
        world.clock.move_to(until)
        os.kill(process.pid or 0, signal.SIGCONT)
    code = end(process)
    if code != 0:
        story.tally.odd[f"a process ended with {code}"] += 1


# --- F5: several workers -------------------------------------------------------------------------


def several_workers(story: Story) -> None:
    """Two or three workers at one moment, with much due at once; often one of them is killed."""
    world = story.world
    world.plan(12)

    def turn() -> None:
        world.clock.move(timedelta(minutes=10))
        count = story.chance.randint(2, 3)
        orders = [story.orders() for _ in range(count)]
        if story.chance.random() < 0.5:
            orders[0] = story.orders(*_one_of(story, _WORKER_STEPS))
        for code in [end(process) for process in [start_worker(one) for one in orders]]:
            if code not in (0, -signal.SIGKILL):
                story.tally.odd[f"a process ended with {code}"] += 1
        story.hit(f"{count} workers")

    world.play(_peacefully(story, turn))


# --- F12, F13, F16: callbacks and texts, in disorder and again -----------------------------------


def callbacks_in_disorder(story: Story) -> None:
    """Callbacks twice, in any order, also before the answer to the post itself."""
    world = story.world
    web = start_web(story.orders())
    world.network.change_habits(order="shuffled", copies=2, latency=0.01)
    world.plan(4)

    def turn() -> None:
        before = len(world.network.texts())
        world.send()
        world.network.settle()
        for _ in range(len(world.network.texts()) - before):
            story.hit("text")

    world.play(turn)
    web.kill()
    web.join()


def texts_again(story: Story) -> None:
    """Each inbound text eight times at once, and once more, from the beginning, in the end."""
    world = story.world
    web = start_web(story.orders())
    world.network.change_habits(inbound=False)
    world.plan(4)
    posted: list[dict[str, str]] = []
    with ThreadPoolExecutor(8) as threads:

        def turn() -> None:
            world.send()
            if story.over:
                return
            before = {text.sid for text in world.network.texts()}
            _some_write(story)
            for text in world.network.texts():
                if text.sid not in before and text.direction == "inbound":
                    form = _inbound(story, text.sid, text.sender or "", text.recipient, text.body)
                    posted.append(form)
                    list(threads.map(lambda _: _post(story, form), range(8)))  # noqa: B023
                    story.hit("text")
            world.note_opt_outs()

        world.play(turn)
        list(threads.map(lambda form: _post(story, form), posted))
    web.kill()
    web.join()


def _inbound(story: Story, sid: str, sender: str, clinic: str, body: str) -> dict[str, str]:
    return {
        "MessageSid": sid,
        "AccountSid": story.world.account.sid,
        "From": sender,
        "To": clinic,
        "Body": body,
        "NumMedia": "0",
    }


def _post(story: Story, form: dict[str, str]) -> None:
    url = f"{story.world.public_url}/webhooks/twilio/inbound"
    signer = RequestValidator(story.world.account.auth_token)
    answer = httpx.post(
        url,
        data=form,
        headers={"X-Twilio-Signature": signer.compute_signature(url, form)},
        timeout=20,
    )
    if answer.status_code != 200:
        story.tally.odd[f"a replay was answered {answer.status_code}"] += 1


# --- F17: opt-out races --------------------------------------------------------------------------

_RACE_STEPS = ("statement", "before_commit", "after_commit", "before_post", "in_post", "after_post")


def opt_out_races(story: Story) -> None:
    """An opt-out is committed at each step of claim and post, by text or by link."""
    world, database = story.world, story.database
    world.plan(6)

    def turn() -> None:
        target = _somebody_due(story)
        if target is None:
            world.send()
            return
        step, nth = _one_of(story, _RACE_STEPS)
        by_text, late = story.chance.random() < 0.5, story.chance.choice((0, 0, 10, 25))
        racer = threading.Thread(target=lambda: _opt_out(story, target, by_text=by_text))

        def race() -> None:
            racer.start()
            # One that waits for the claim's lock goes on when the claim is committed.
            racer.join(0.05)
            time.sleep(_ON_THE_WIRE if late else 0)
            world.clock.move(timedelta(seconds=late))

        database.steps.aim(step, nth, race, not_in_gap=late > 0)
        world.send(database.worker, database.steps)
        if database.steps.struck:
            racer.join()
            story.hit(f"{step}, {'text' if by_text else 'link'}")
        database.steps.aim("", 1, lambda: None)

    world.play(_peacefully(story, turn))


def _somebody_due(story: Story) -> Address | None:
    with story.world.sessions() as db:
        due = db.scalars(
            select(Address)
            .join(Message, Message.address_id == Address.id)
            .where(
                Message.state == MessageState.PLANNED,
                Message.send_at <= story.world.clock.now(),
                Address.opted_out_at.is_(None),
            )
            .order_by(Address.id)
        ).all()
    return story.chance.choice(due) if due else None


def _opt_out(story: Story, address: Address, *, by_text: bool) -> None:
    world = story.world
    with world.sessions.begin() as db:
        clinic = db.get_one(Clinic, address.clinic_id)
        if by_text:
            incoming = Incoming(
                channel=Channel.SMS,
                provider="twilio",
                provider_ref=world.write(address.value or "", clinic.sender or "", STOPS[1]),
                sender_address=address.value or "",
                body=STOPS[1],
                media=(),
                received_at=world.clock.now(),
            )
            receive(db, clinic, incoming, world.rules)
        else:
            opt_out(db, lock_address(db, address.id), "link", world.clock.now())
    with world.sessions() as db:
        world.seen.opt_outs.append(opt_out_seen(db, address.id))


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("F1", "worker killed (SIGKILL) at any step", killed_worker),
        Fault("F2", "web killed (SIGKILL) at any step of a webhook", killed_web, reported=True),
        Fault("F3", "provider refuses, breaks, hangs, takes and cuts", broken_provider),
        Fault("F4", "worker frozen (SIGSTOP) for 1 s to 15 min", frozen_worker),
        *(
            Fault(
                f"F4r-{seconds}",
                f"worker frozen for {seconds} s just before the first byte",
                frozen_at_the_last_moment(seconds),
            )
            for seconds in (15, 300, 900)
        ),
        Fault("F5", "two or three workers at once, some killed", several_workers),
        Fault("F12", "callbacks twice and in any order", callbacks_in_disorder, reported=True),
        Fault("F13", "each inbound text nine times, eight at once", texts_again, reported=True),
        Fault("F17", "opt-out at any step of claim and post", opt_out_races),
    )
}
