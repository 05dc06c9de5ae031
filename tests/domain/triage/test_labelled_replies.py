"""The labelled replies are read at least as well as the figures in `docs/triage.md` say."""

from functools import cache

import pytest

from service.domain.triage.evaluation import evaluate
from tests.domain.triage.rows import held_back, labelled_rows


@cache
def figures(held: bool) -> dict:
    rows = [row for row in labelled_rows() if held_back(row) is held]
    return evaluate(rows)["figures"]


def share(held: bool, measure: str) -> float:
    return figures(held)[measure]["share"]


@pytest.mark.parametrize(
    ("measure", "least"),
    [
        ("emergency_found", 0.94),
        ("red_found", 0.95),
        ("level_accepted", 0.92),
        ("emergency_precision", 0.95),
        ("opt_out_recall", 0.95),
        ("score_exact", 0.98),
        ("flag_of_red", 0.94),
    ],
)
def test_the_replies_the_cues_were_written_from_are_read_rightly(measure, least):
    assert share(False, measure) >= least


@pytest.mark.parametrize(
    ("measure", "least"),
    [
        ("emergency_found", 0.75),
        ("red_found", 0.89),
        ("level_accepted", 0.78),
        ("emergency_precision", 0.80),
        ("score_exact", 0.98),
    ],
)
def test_replies_held_back_are_read_no_worse_than_before(measure, least):
    assert share(True, measure) >= least


@pytest.mark.parametrize(("held", "most"), [(False, 0.01), (True, 0.04)])
def test_red_replies_are_rarely_called_fine(held, most):
    assert share(held, "red_called_ok") <= most


@pytest.mark.parametrize(("held", "most"), [(False, 0.06), (True, 0.22)])
def test_fine_replies_rarely_raise_an_alarm(held, most):
    assert share(held, "false_alarms") <= most
