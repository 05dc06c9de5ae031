"""Long passwords are taken, whatever they are made of; those that anybody would try are not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.domain.back_off import LONGEST_PAUSE, pause_after
from service.domain.passwords import why_refused


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("four unrelated words here", id="words"),
        pytest.param("correct horse battery staple and a comet", id="a whole sentence"),
        pytest.param("zażółć gęślą jaźń 日本", id="any script"),
        pytest.param("x7#pk2" * 21 + "qd", id="one hundred and twenty-eight"),
        pytest.param("            a b c d e f g h", id="spaces"),
    ],
)
def test_long_passwords_are_taken(password):
    assert why_refused(password) is None


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "aaaaaaaaaaaaaaaa",
        "password12345",
        "Administrator",
        "q1w2e3r4t5y6",
        "a" * 129,
    ],
)
def test_short_common_and_endless_ones_are_refused(password):
    assert why_refused(password)


def test_what_others_know_of_somebody_is_no_password():
    about = ("Jo March", "jo.march@bayou.example", "Bayou Needling")

    assert why_refused("BayouNeedling26", about)
    assert why_refused("Bayou comets eat paper", about) is None


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, 0), (5, 0), (6, 2), (7, 4), (10, 32), (14, 512), (15, 900), (1000, 900)],
)
def test_each_failure_beyond_the_free_ones_doubles_the_wait(failures, seconds):
    assert pause_after(failures, free=5) == timedelta(seconds=seconds)
    assert pause_after(failures, free=5) <= LONGEST_PAUSE
