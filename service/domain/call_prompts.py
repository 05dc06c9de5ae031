"""What a reason for a call is named, and what to ask: protocol data, checked when loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from service.domain.files import DataFileError, protocol_folder, read_table
from service.domain.protocol.editions import base_of

_FILE = "calls.en.yaml"
_OTHER = "other"


@dataclass(frozen=True)
class CallReason:
    """Why somebody phones: its name on the list, and the questions for it; never advice."""

    key: str
    name: str
    ask: tuple[str, ...]


@dataclass(frozen=True)
class CallPrompts:
    """Every reason of one version of the protocol, and what is asked in every call."""

    version: int
    always: tuple[str, ...]
    reasons: Mapping[str, CallReason]

    def reasons_for(self, kind: str, categories: Iterable[str]) -> tuple[CallReason, ...]:
        """Return the reasons of a flag in the order of its categories, at least one.

        What has none of its own, as the key of a message that failed, is named by the flag's kind.
        """
        named = (self.reasons.get(category) for category in categories)
        found = tuple(dict.fromkeys(reason for reason in named if reason))
        return found or (self.reasons.get(kind, self.reasons[_OTHER]),)


@cache
def load_call_prompts(version: int) -> CallPrompts:
    """Return the prompts of one version of the protocol; raises `DataFileError`."""
    base = base_of(version)
    return read_call_prompts(protocol_folder(base), base)


def read_call_prompts(folder: Path, version: int) -> CallPrompts:
    """Read and check the file; raises `DataFileError` naming what is wrong."""
    table = read_table(folder / _FILE)
    if table.get("version") != version:
        raise DataFileError(f"{_FILE}: is not version {version}")
    given = table.get("reasons")
    if not isinstance(given, dict) or _OTHER not in given:
        raise DataFileError(f"{_FILE}: reasons: needs named reasons, among them {_OTHER!r}")
    reasons = {key: _reason(key, one) for key, one in given.items()}
    return CallPrompts(version, _lines(table.get("always"), "always"), reasons)


def _reason(key: str, given: object) -> CallReason:
    if not isinstance(given, dict) or given.keys() != {"name", "ask"}:
        raise DataFileError(f"{_FILE}: reasons.{key}: needs `name` and `ask`, and nothing else")
    (name,) = _lines([given["name"]], f"reasons.{key}.name")
    return CallReason(key, name, _lines(given["ask"], f"reasons.{key}.ask"))


def _lines(given: object, where: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        raise DataFileError(f"{_FILE}: {where}: needs lines")
    for line in given:
        if not isinstance(line, str) or not line.strip():
            raise DataFileError(f"{_FILE}: {where}: needs words")
    return tuple(given)
