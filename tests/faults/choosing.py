"""What all faults share: where they strike, and how they are counted."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.faults.campaign import Story

WORKER_STEPS = (
    "statement",
    "before_commit",
    "after_commit",
    "before_post",
    "in_post",
    "after_post",
    "before_ask",
    "after_ask",
)
WEB_STEPS = ("statement", "before_commit", "after_commit", "before_answer", "after_answer")
_OFTEN = {"statement": 14, "before_commit": 3, "after_commit": 3}
"""How many steps of a name a turn has, about; other steps come once for each text."""


def one_of(story: Story, steps: tuple[str, ...]) -> tuple[str, int]:
    """Choose a step, and at which of that name."""
    step = story.chance.choice(steps)
    return step, story.chance.randint(1, _OFTEN.get(step, 2))


def peacefully(story: Story, turn: Callable[[], None]) -> Callable[[], None]:
    """Once the story has had its trials, a turn is a quiet one."""
    return lambda: story.world.send() if story.over else turn()


def count(story: Story, code: int, kind: str) -> None:
    """Count a process that met its signal as a trial; any other end is odd."""
    if code == -signal.SIGKILL:
        story.hit(kind)
    elif code != 0:
        story.tally.odd[f"a process ended with {code}"] += 1
