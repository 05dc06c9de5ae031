"""Run the fault campaign: `python -m tests.faults --trials 200 --seed 1`, or `make faults`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.faults.campaign import Tally, opened, run
from tests.faults.faults import FAULTS
from tests.faults.victims import be_silent


def main() -> None:
    """Play the faults that were asked for on each database, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of each fault on each database")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument(
        "--bug", default="", help="plant one, to see it caught (tests/faults/bugs.py)"
    )
    parser.add_argument(
        "--json", type=Path, help="write the figures here as well, one fault a line"
    )
    given = parser.parse_args()
    be_silent()
    tallies = []
    print("| fault | database | trials | stories | checks | violations | odd | s |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in given.databases.split(","):
        with tempfile.TemporaryDirectory() as folder, opened(kind, Path(folder)) as database:
            for name in given.faults.split(","):
                tally = run(FAULTS[name], database, given.trials, given.seed, bug=given.bug)
                tallies.append(tally)
                print(_line(tally), flush=True)
                if given.json:
                    with given.json.open("a") as lines:
                        lines.write(json.dumps(vars(tally)) + "\n")
    for tally in tallies:
        _tell(tally)
    raise SystemExit(1 if any(tally.violations for tally in tallies) else 0)


def _line(tally: Tally) -> str:
    cells = (
        tally.fault,
        tally.database,
        tally.trials,
        tally.stories,
        sum(tally.checked.values()),
        sum(tally.violations.values()),
        sum(tally.odd.values()),
        round(tally.seconds),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _tell(tally: Tally) -> None:
    print(f"\n{tally.fault} on {tally.database}, seed {tally.seed}: {FAULTS[tally.fault].says}")
    print("  trials:", ", ".join(f"{kind} {count}" for kind, count in sorted(tally.at.items())))
    for what, figures in sorted(tally.figures.items()):
        print(f"  {what}: {_summary(figures)}")
    for what, count in tally.odd.items():
        print(f"  odd: {what} ({count} times)")
    for invariant, count in tally.violations.items():
        print(f"  {invariant}: {count} violations, first in {tally.first[invariant]}")


def _summary(figures: list[float]) -> str:
    ranked = sorted(figures)
    last = len(ranked) - 1
    middle, late = ranked[last // 2], ranked[round(last * 0.99)]
    return f"{len(ranked)}, p50 {middle:.2f}, p99 {late:.2f}, most {ranked[-1]:.2f}"


if __name__ == "__main__":
    main()
