"""The benchmark itself loses and doubles nothing, and says what it measured."""

from service.bench.dispatch import run


def test_sending_is_measured_beside_the_bare_client():
    figures = run(messages=200, latency=0.0, database_url=None)

    assert (figures["messages"], figures["lost"], figures["doubled"]) == (200, 0, 0)
    assert figures["durable_per_second"] > 0
    assert figures["bare_per_second"] > 0
