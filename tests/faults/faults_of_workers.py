"""Faults of workers: killed, frozen, one too many, and an opt-out at the wrong moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import timedelta
from functools import partial

from sqlalchemy import select

from service.domain.values import Channel, MessageState
from service.pathway.optouts import lock_address, opt_out
from service.pathway.replies import Incoming, receive
from service.store.clinics import Clinic
from service.store.messages import Message
from service.store.patients import Address
from tests.faults.campaign import Play, Story
from tests.faults.choosing import WORKER_STEPS, count, one_of, peacefully
from tests.faults.steps import IN_TRANSACTION
from tests.faults.victims import end, is_frozen, start_worker
from tests.faults.world import STOPS, opt_out_seen

# --- F1: a worker is killed ----------------------------------------------------------------------


def killed_worker(story: Story) -> None:
    """kill -9 at any step of sending and settling."""

    def turn() -> None:
        step, nth = one_of(story, WORKER_STEPS)
        code = end(start_worker(story.orders(step, nth)))
        count(story, code, step)

    story.world.plan(4)
    story.world.play(peacefully(story, turn))


# --- F4: a worker is frozen ----------------------------------------------------------------------

_ON_THE_WIRE = 0.03
"""Seconds until the provider has read what was sent, before the clock is moved."""
_FREEZES = (1, 30, 300, 900)


def frozen_worker(story: Story) -> None:
    """SIGSTOP between any two steps for 1 s to 15 min, with another worker; then SIGCONT."""

    def turn() -> None:
        step, nth = one_of(story, WORKER_STEPS)
        # Between the last look at the clock and the first byte it is F4r.
        _freeze(story, step, nth, story.chance.choice(_FREEZES), not_in_gap=True)

    story.world.plan(4)
    story.world.play(peacefully(story, turn))


def frozen_at_the_last_moment(seconds: int) -> Play:
    """SIGSTOP after the last look at the clock, just before the first byte (2.2, step 8)."""

    def play(story: Story) -> None:
        story.world.plan(4)
        turn = partial(_freeze, story, "after_check", 1, seconds, not_in_gap=False)
        story.world.play(peacefully(story, turn))

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
        try:
            os.kill(process.pid or 0, signal.SIGCONT)
        except ProcessLookupError:
            story.tally.odd["a frozen process was gone"] += 1
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
            orders[0] = story.orders(*one_of(story, WORKER_STEPS))
        for code in [end(process) for process in [start_worker(one) for one in orders]]:
            if code not in (0, -signal.SIGKILL):
                story.tally.odd[f"a process ended with {code}"] += 1
        story.hit(f"{count} workers")

    world.play(peacefully(story, turn))


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
        step, nth = one_of(story, _RACE_STEPS)
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

    world.play(peacefully(story, turn))


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
