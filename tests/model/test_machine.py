"""No order of events breaks what the clinic is promised; and the machine would notice."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from service.pathway import enrolment, optouts, replies
from tests.model.machine import PHONES, ClinicMachine

pytestmark = pytest.mark.slow

SHORT = settings(
    max_examples=4,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
ANA = PHONES[0]
ENROL = ("enrol_a_patient", ANA, "calf_foot", 5)
LEFT_OUT = {
    "a wish to stop is not followed": (
        (replies, "_follow_wishes"),
        [ENROL, ("a_text_comes", ANA, "STOP"), ("days_pass",)],
    ),
    "nobody is told of a red reply": (
        (replies, "_needs_a_person"),
        [ENROL, ("a_text_comes", ANA, "i cant breathe right")],
    ),
    "the older session goes on": (
        (enrolment, "_supersede_older"),
        [ENROL, ("time_passes", 1440), ENROL],
    ),
    "what is planned outlives an opt-out": (
        (optouts, "_planned_for"),
        [ENROL, ("a_text_comes", ANA, "STOP")],
    ),
}
"""Steps without which the service breaks a promise, each with a story that shows it."""


def test_any_order_of_events_keeps_the_promises(engine):
    run_state_machine_as_test(lambda: ClinicMachine(engine), settings=SHORT)


def play(engine, story) -> None:
    """Play the steps of a story, and look at every promise after each."""
    machine = ClinicMachine(engine)
    machine.open_the_clinic()
    try:
        for step, *given in story:
            getattr(machine, step)(*given)
            for promise in machine.invariants:
                promise.function(machine)
    finally:
        machine.teardown()


@pytest.mark.parametrize("bug", LEFT_OUT)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_machine_finds_a_step_that_is_left_out(engine, monkeypatch, bug):
    step, story = LEFT_OUT[bug]
    play(engine, story)
    monkeypatch.setattr(*step, lambda *_: ())

    with pytest.raises(AssertionError):
        play(engine, story)
