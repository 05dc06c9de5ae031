"""Short scenes with one thing going wrong each, in which a bug of the service would show."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from service.sandbox.phone_faults import Rule, Trouble
from tests.faults.steps import Steps
from tests.faults.world import FINE, RED_STOPS, REDS, SENDERS, STOPS, World


class PowerCut(BaseException):
    """Nothing that this turn would still have done is done."""


def quiet(world: World) -> None:
    """Nothing goes wrong, and everybody answers the first text."""
    world.plan(8)
    world.move_on()
    world.send()
    _everybody_writes(world, 8)
    world.play(most=40)


def _everybody_writes(world: World, patients: int) -> None:
    said = (*STOPS[:3], REDS[0], RED_STOPS[0], FINE[0], *STOPS[3:])
    for number, body in zip(range(patients), said, strict=False):
        world.write(f"+1281555{1000 + number}", SENDERS[number % 2], body)
    world.fetch()


def power_cuts(world: World) -> None:
    """Time and again the worker is gone just after the provider has taken something."""
    world.plan(3)
    left = 8

    def now() -> None:
        nonlocal left
        left -= 1
        raise PowerCut

    def cut() -> None:
        steps = Steps("after_post", world.chance.randint(1, 2), now) if left else None
        with suppress(PowerCut):
            world.send(steps=steps)

    world.play(cut)


def down(time: timedelta) -> Callable[[World], None]:
    """The worker is away for so long, twice."""

    def scene(world: World) -> None:
        world.plan(4)
        for _ in range(2):
            world.move_on()
            world.send()
            world.clock.move(time)
        world.play()

    return scene


def slow(world: World) -> None:
    """Every turn of the worker comes half an hour late."""
    world.plan(6)
    _everybody_writes(world, 6)
    world.play(lambda: (world.clock.move(timedelta(minutes=30)), world.send()))


def hanging(world: World) -> None:
    """The provider does not answer some requests at all."""
    world.patience = 3
    world.plan(2)
    world.network.break_with(Rule(Trouble.HANG, times=2))
    world.play()


def failing(world: World) -> None:
    """The provider takes a text, and says that something went wrong."""
    world.plan(2)
    world.network.break_with(Rule(Trouble.TAKE_AND_FAIL, share=0.5, status=500))
    world.play()
