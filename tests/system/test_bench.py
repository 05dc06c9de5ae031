"""Each benchmark finds everything where it belongs, and says what it measured."""

from service.bench import calls, claim, dispatch, enrol, inbound, lateness


def test_sending_is_measured_beside_the_bare_client():
    figures = dispatch.run(messages=200, latency=0.0, workers=1, database_url=None)

    assert (figures["messages"], figures["lost"], figures["doubled"]) == (200, 0, 0)
    assert figures["durable_per_second"] > 0
    assert figures["bare_per_second"] > 0


def test_no_message_leaves_before_its_time():
    figures = lateness.run(messages=20, rate=50, database_url=None)

    assert figures["late_ms_p50"] <= figures["late_ms_p99"] <= figures["late_ms_most"]


def test_a_claim_finds_what_is_due_among_what_is_planned_for_later():
    figures = claim.run(future_rows=2000, database_url=None)

    assert figures["future_rows"] == 2000
    assert figures["claim_ms_p50"] > 0


def test_every_enrolment_over_http_is_in_the_database():
    figures = enrol.run(enrolments=20, in_flight=4, database_url=None)

    assert figures["messages_each"] >= 8


def test_every_signed_reply_is_stored_and_the_worrying_ones_flagged():
    figures = inbound.run(replies=40, in_flight=4, database_url=None)

    assert figures["flags"] > 0


def test_the_call_list_is_drawn_among_years_of_visits():
    figures = calls.run(flags=4, sessions=20, database_url=None)

    assert 0 < figures["ms_p50"] <= figures["ms_p95"]
