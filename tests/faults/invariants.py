"""Results, and the list of invariants that the checker goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tests.faults.evidence import Evidence

Broken = str | None
Check = Callable[[Evidence], Iterator[Broken]]
"""Yields once for each thing it looked at: None when it is well, or what is wrong with it."""


@dataclass(frozen=True)
class Result:
    """One invariant: how many things were looked at, and how many broke it."""

    invariant: str
    says: str
    checked: int
    violations: int
    first: str | None

    def __str__(self) -> str:
        told = f"{self.invariant:<4} {self.says}: checked {self.checked}"
        return f"{told}, violations {self.violations}" + (
            f", first: {self.first}" if self.first else ""
        )


CHECKS: dict[tuple[str, str], Check] = {}


def invariant(name: str, says: str) -> Callable[[Check], Check]:
    """Put a check on the list."""

    def keep(check: Check) -> Check:
        CHECKS[name, says] = check
        return check

    return keep


def check(evidence: Evidence) -> list[Result]:
    """Return one result for each invariant, in the order of `reliability`."""
    results = []
    for (name, says), rule in CHECKS.items():
        found = list(rule(evidence))
        wrong = [one for one in found if one is not None]
        results.append(Result(name, says, len(found), len(wrong), next(iter(wrong), None)))
    return results


def broken(results: Iterable[Result]) -> list[Result]:
    """Return those that do not hold."""
    return [result for result in results if result.violations]
