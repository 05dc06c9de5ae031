"""A clinic's edition of the protocol: the approved files, with what the clinic changed in them.

An edition's version follows from its content, so that whoever holds a version reads the same words
and rules for ever, in every process, however often it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel, ConfigDict

from service.domain.protocol.model import PlannedWhen, Protocol, Step
from service.domain.values import Language

_FIRST = 1_000_000_000
"""Versions from here on are editions; below are the folders of data files."""


class UnknownEdition(LookupError):
    """No edition of this version is stored."""


class Changes(BaseModel):
    """What an edition changes; empty, it is the protocol as its files have it.

    `texts` holds changed wordings by language and key, `due` when a tip is due, written as in
    the schedule's file (`3h`, `09:30`), `left_out` the tips that are not sent, `pain` the scores
    that ask for a call. Nothing is kept that equals the files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    texts: dict[Language, dict[str, str]] = {}
    due: dict[str, str] = {}
    left_out: tuple[str, ...] = ()
    pain: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many single things are changed."""
        texts = sum(len(changed) for changed in self.texts.values())
        return texts + len(self.due) + len(self.left_out) + len(self.pain)


@dataclass(frozen=True)
class Edition:
    """A version that changes another: the one that its files are in."""

    base: int
    changes: Changes


Source = Callable[[int], Edition | None]
"""Reads the edition of a version from where editions are stored, or None."""

_sources: list[Source] = []


def read_editions_with(source: Source) -> None:
    """Say where editions are stored; the place named last counts."""
    _sources[:] = [source]


def version_of(edition: Edition, salt: int = 0) -> int:
    """Return the version of an edition: its files' own where it changes nothing.

    `salt` gives another one, for the day on which two contents share a version.
    """
    if not edition.changes.count:
        return edition.base
    content = {"base": edition.base, "salt": salt, **edition.changes.model_dump(mode="json")}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return _FIRST + int.from_bytes(digest[:8]) % _FIRST


@cache
def edition_of(version: int) -> Edition | None:
    """Return what a version changes, None for one that is in files; raises `UnknownEdition`."""
    if version < _FIRST:
        return None
    found = next((edition for source in _sources if (edition := source(version))), None)
    if found is None:
        raise UnknownEdition(version)
    return found


def base_of(version: int) -> int:
    """Return the version whose files hold what no edition changes; raises `UnknownEdition`."""
    edition = edition_of(version)
    return edition.base if edition else version


def changed_protocol(base: Protocol, changes: Changes, version: int) -> Protocol:
    """Return the schedule and the rules with an edition's changes."""
    return base.model_copy(
        update={
            "version": version,
            "pain": base.pain.model_copy(update=dict(changes.pain)),
            "steps": tuple(_changed(step, changes) for step in base.steps),
        }
    )


def problems_in(base: Protocol, changes: Changes) -> Iterable[tuple[str, str]]:
    """Return the field and what is wrong with it, for each change that the files do not allow."""
    steps = {step.key: step for step in base.steps}
    for key in changes.left_out:
        if key not in steps or steps[key].clinic_may is None:
            yield f"send.{key}", "This message cannot be left out."
    for key, written in changes.due.items():
        problem = _why_not_due(steps.get(key), written)
        if problem:
            yield f"due.{key}", problem
    for name, value in changes.pain.items():
        least, most = base.pain.clinic_may.get(name, (0, -1))
        if not least <= value <= most:
            yield f"pain.{name}", f"Choose from {least} to {most}."


def _why_not_due(step: Step | None, written: str) -> str | None:
    if step is None or step.clinic_may is None:
        return "This message keeps its time."
    earliest, latest = step.clinic_may.earliest, step.clinic_may.latest
    try:
        moment = step.due.moved_to(written).moment
    except ValueError:
        return f"Write a time like {step.due.written}."
    if step.due.moved_to(earliest).moment <= moment <= step.due.moved_to(latest).moment:
        return None
    return f"Choose from {earliest} to {latest}."


def _changed(step: Step, changes: Changes) -> Step:
    update: dict[str, object] = {}
    if step.key in changes.left_out:
        update["planned"] = PlannedWhen.NEVER
    if step.key in changes.due:
        update["due"] = step.due.moved_to(changes.due[step.key])
    return step.model_copy(update=update) if update else step
