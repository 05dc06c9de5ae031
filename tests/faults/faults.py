"""The faults (`reliability` 3.2) by name."""

from __future__ import annotations

from tests.faults.campaign import Fault
from tests.faults.faults_of_databases import database_away
from tests.faults.faults_of_the_provider import (
    broken_provider,
    callbacks_in_disorder,
    killed_web,
    texts_again,
)
from tests.faults.faults_of_workers import (
    frozen_at_the_last_moment,
    frozen_worker,
    killed_worker,
    opt_out_races,
    several_workers,
)

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
        Fault("F6", "database gone and back", database_away, reported=True),
        Fault("F12", "callbacks twice and in any order", callbacks_in_disorder, reported=True),
        Fault("F13", "each inbound text nine times, eight at once", texts_again, reported=True),
        Fault("F17", "opt-out at any step of claim and post", opt_out_races),
    )
}
