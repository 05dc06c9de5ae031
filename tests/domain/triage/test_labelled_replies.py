"""The labelled replies are read at least as well as the figures in `docs/triage.md` say."""

from functools import cache

import pytest

from service.domain.triage.evaluation import evaluate
from tests.domain.triage.rows import authors_rows, held_back, labelled_rows


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
        ("emergency_found", 0.88),
        ("red_found", 0.94),
        ("level_accepted", 0.85),
        ("emergency_precision", 0.80),
        ("score_exact", 0.98),
    ],
)
def test_replies_no_weight_is_learnt_from_are_read_no_worse_than_before(measure, least):
    assert share(True, measure) >= least


@pytest.mark.parametrize(("held", "most"), [(False, 0.01), (True, 0.02)])
def test_red_replies_are_rarely_called_fine(held, most):
    assert share(held, "red_called_ok") <= most


@pytest.mark.parametrize(("held", "most"), [(False, 0.06), (True, 0.16)])
def test_fine_replies_rarely_raise_an_alarm(held, most):
    assert share(held, "false_alarms") <= most


@cache
def authors_figures() -> dict:
    return evaluate(authors_rows())["figures"]


@pytest.mark.parametrize(
    ("measure", "least"),
    [
        ("emergency_found", 0.97),
        ("red_found", 0.975),
        ("level_accepted", 0.93),
        ("opt_out_recall", 0.98),
        ("opt_out_precision", 0.98),
        ("score_exact", 0.975),
    ],
)
def test_replies_of_independent_hands_are_read_no_worse_than_before(measure, least):
    assert authors_figures()[measure]["share"] >= least


@pytest.mark.parametrize(
    ("measure", "most"), [("red_called_ok", 0.006), ("false_alarms", 0.05), ("needless_work", 0.12)]
)
def test_replies_of_independent_hands_are_rarely_mistaken(measure, most):
    assert authors_figures()[measure]["share"] <= most
