"""Faults of the database: gone and back, and no room left on its disk."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import select

from service.store.clinics import Clinic
from service.store.patients import Address
from tests.faults.campaign import Story
from tests.faults.choosing import WEB_STEPS, WORKER_STEPS, one_of
from tests.faults.outages import Outage, impatient_sqlite, outage_of
from tests.faults.standing import StandingWorker, standing_web, standing_worker
from tests.faults.steps import Steps
from tests.faults.world import FINE, RED_STOPS, REDS, STOPS

# --- F6: the database is gone, and comes back ----------------------------------------------------

_AWAY_SECONDS = (0.0, 0.2, 0.6)
_STRIKES_WITHIN = 0.4
"""Seconds; what has not been reached by then is not reached at this moment."""

People = list[tuple[str, str]]


def database_away(story: Story) -> None:
    """At any step of worker or web the database goes, and comes back; both go on by themselves."""
    with impatient_sqlite(), outage_of(story.database) as outage:
        play_outages(story, outage)


def play_outages(story: Story, outage: Outage) -> None:
    """Let the outage strike at a step of worker or web, at each moment of the story."""
    world = story.world
    story.plan(4)
    people = people_of(story)
    world.network.change_habits(again_after=0.05)
    worker_steps = story.database.steps
    with standing_web(story) as web_steps, standing_worker(story) as worker:
        struck: list[str] = []

        def prepare() -> None:
            struck.clear()
            _aim(story, outage, struck, worker_steps, web_steps)

        def turn() -> None:
            somebody_writes(story, people)
            _wait_for(lambda: bool(struck) or worker.rests(), _STRIKES_WITHIN)
            if worker_steps.disarm() | web_steps.disarm():
                _wait_for(lambda: bool(struck), 10)
                _live_through(story, outage, worker, people)
                story.hit(struck[0])
            else:
                worker.rest()
            world.network.settle()
            story.check_now("I2", "S1")

        world.play(turn, prepare=prepare, until=worker.rests_and_is_over)
    world.play_to_the_end()


def _aim(story: Story, outage: Outage, struck: list[str], *targets: Steps) -> None:
    who = story.chance.randrange(2)
    step, nth = one_of(story, (WORKER_STEPS, WEB_STEPS)[who])

    def strike() -> None:
        outage.strike()
        struck.append(f"{('worker', 'web')[who]} {step}")

    targets[who].aim(step, nth, strike)


def _live_through(story: Story, outage: Outage, worker: StandingWorker, people: People) -> None:
    """Somebody writes while it is away; then it comes back, and that is all that is done."""
    for _ in range(story.chance.randrange(3)):
        somebody_writes(story, people)
    time.sleep(story.chance.choice(_AWAY_SECONDS))
    outage.mend()
    story.tally.measure("seconds until the worker had caught up", worker.rest())


def people_of(story: Story) -> People:
    """Return each patient's number with the clinic's."""
    with story.world.sessions() as db:
        rows = db.execute(
            select(Address.value, Clinic.sender).join(Clinic, Clinic.id == Address.clinic_id)
        )
        return sorted((phone or "", sender or "") for phone, sender in rows)


def somebody_writes(story: Story, people: People) -> None:
    """One of the patients texts the clinic."""
    phone, sender = story.chance.choice(people)
    said = story.chance.choices((FINE, STOPS, REDS, RED_STOPS), weights=(12, 1, 3, 1))[0]
    story.world.write(phone, sender, story.chance.choice(said))


def _wait_for(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
