"""Reads one version of the protocol from its data files and says in plain words what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from service.domain.files import DataFileError, protocol_folder, read_table
from service.domain.protocol.editions import changed_protocol, edition_of
from service.domain.protocol.model import Protocol

CURRENT_VERSION = 1
"""The newest version in files: new sessions are put on it, or on their clinic's edition of it."""

_SCHEDULE = "schedule.yaml"
_REGIONS = "regions.yaml"


class ProtocolError(DataFileError):
    """A row of the protocol is wrong; the message names the file and the field."""


@cache
def load_protocol(version: int) -> Protocol:
    """Return the protocol of that version; raises `DataFileError` and `UnknownEdition`."""
    edition = edition_of(version)
    if edition is not None:
        return changed_protocol(load_protocol(edition.base), edition.changes, version)
    folder = protocol_folder(version)
    if not folder.is_dir():
        raise ProtocolError(f"there is no version {version} of the protocol")
    protocol = read_protocol(folder)
    if protocol.version != version:
        raise ProtocolError(f"{_SCHEDULE}: version: says {protocol.version} in folder v{version}")
    return protocol


def read_protocol(folder: Path) -> Protocol:
    """Read and check the files in `folder`; raises `DataFileError`, mostly a `ProtocolError`."""
    schedule = read_table(folder / _SCHEDULE)
    regions = read_table(folder / _REGIONS)
    if "regions" in schedule:
        raise ProtocolError(f"{_SCHEDULE}: regions: belongs in {_REGIONS}")
    try:
        protocol = Protocol.model_validate({**schedule, "regions": regions})
    except ValidationError as error:
        raise ProtocolError(_in_plain_words(error, schedule)) from error
    for problem in _broken_references(protocol):
        raise ProtocolError(problem)
    return protocol


def _in_plain_words(error: ValidationError, schedule: dict[str, object]) -> str:
    first = error.errors()[0]
    where = list(first["loc"])
    file = _SCHEDULE
    if where and where[0] == "regions":
        file, where = _REGIONS, where[1:]
    elif len(where) > 1 and where[0] == "steps" and isinstance(where[1], int):
        where[1] = _step_name(schedule, where[1])
    # pydantic puts "Value error, " before what our own checks say.
    said = first["msg"].removeprefix("Value error, ")
    return f"{file}: {'.'.join(str(part) for part in where)}: {said}"


def _step_name(schedule: dict[str, object], index: int) -> str:
    steps = schedule["steps"]
    row = steps[index] if isinstance(steps, list) else None
    return str(row.get("key", index)) if isinstance(row, dict) else str(index)


def _broken_references(protocol: Protocol) -> Iterable[str]:
    """Names that stand for nothing: a text, a step or a region that is not there."""
    keys = [step.key for step in protocol.steps]
    for key in keys:
        if keys.count(key) > 1:
            yield f"{_SCHEDULE}: steps.{key}: is there twice"
    for step in protocol.steps:
        for wording in step.wording.keys:
            if wording not in protocol.wordings:
                yield f"{_SCHEDULE}: steps.{step.key}.wording: {wording!r} is not in wordings"
    worded = {wording for step in protocol.steps for wording in step.wording.keys}
    for wording in sorted(protocol.wordings - worded):
        yield f"{_SCHEDULE}: wordings: no step sends {wording!r}"
    for field, named in _steps_named(protocol):
        if named not in keys:
            yield f"{_SCHEDULE}: {field}: there is no step {named!r}"
    for step in protocol.steps:
        following = step.due.following
        if following and following not in keys[: keys.index(step.key)]:
            yield f"{_SCHEDULE}: steps.{step.key}.due.following: {following!r} comes later"
    if "generic" not in protocol.regions:
        yield f"{_REGIONS}: generic: is missing"


def _steps_named(protocol: Protocol) -> Iterable[tuple[str, str]]:
    yield from (("limits.first_to_go", key) for key in protocol.limits.first_to_go)
    yield "no_reply_task.following", protocol.no_reply_task.following
    for step in protocol.steps:
        row = f"steps.{step.key}"
        if step.due.following:
            yield f"{row}.due.following", step.due.following
        if step.yields_to:
            yield f"{row}.yields_to", step.yields_to
        yield from ((f"{row}.cancelled_by", key) for key in step.cancelled_by)
        if step.closed_days:
            yield from ((f"{row}.closed_days.skips", key) for key in step.closed_days.skips)
