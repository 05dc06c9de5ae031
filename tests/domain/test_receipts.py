"""A message ends the same whatever the order in which the provider reports."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.receipts import UNRANKED, climbs, rank_of, standing_of
from service.domain.values import MessageState

STATUSES = [
    *("scheduled", "accepted", "queued", "sending", "sent", "partially_delivered"),
    *("canceled", "failed", "undelivered", "delivered", "read"),
]


def end_of(reports):
    """The status a message is left with after these reports, in this order."""
    status = None
    for report in reports:
        standing = climbs(status, report)
        status = standing.status if standing else status
    return status


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("accepted", MessageState.ACCEPTED),
        ("scheduled", MessageState.ACCEPTED),
        ("queued", MessageState.ACCEPTED),
        ("sending", MessageState.ACCEPTED),
        ("sent", MessageState.ACCEPTED),
        ("partially_delivered", MessageState.ACCEPTED),
        ("delivered", MessageState.DELIVERED),
        ("read", MessageState.DELIVERED),
        ("undelivered", MessageState.UNDELIVERED),
        ("failed", MessageState.UNDELIVERED),
        ("canceled", MessageState.CANCELLED),
    ],
)
def test_each_word_of_the_provider_puts_a_message_in_a_state_that_explains_itself(status, state):
    standing = standing_of(status)

    assert standing.state is state
    assert standing.reason.endswith(".")
    assert climbs(None, status) == standing


@pytest.mark.parametrize("last", ["delivered", "undelivered", "failed", "canceled"])
def test_reports_in_any_order_end_the_same(last):
    reports = ("queued", "sending", "sent", "accepted", last)

    assert {end_of(order) for order in permutations(reports)} == {last}


@given(st.lists(st.sampled_from(STATUSES), min_size=1), st.randoms(use_true_random=False))
def test_repeats_and_contradictions_end_the_same_in_any_order(reports, random):
    shuffled = reports * 2
    random.shuffle(shuffled)

    assert end_of(shuffled) == end_of(reports) == max(reports, key=rank_of)


def test_a_text_that_arrived_is_not_called_lost_by_a_straggler():
    assert climbs("delivered", "undelivered") is None
    assert climbs("undelivered", "delivered") == standing_of("delivered")


@pytest.mark.parametrize("word", ["", "receiving", "received", "teleported", "Sent!"])
def test_a_word_we_do_not_know_changes_nothing(word):
    assert rank_of(word) == UNRANKED
    assert climbs(None, word) is None
    assert climbs("sent", word) is None


def test_capitals_do_not_matter():
    assert climbs("queued", "DELIVERED") == standing_of("delivered")
