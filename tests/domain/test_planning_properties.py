"""What holds for every plan: any zone, any day of the clocks, any patient, saved at any time."""

from __future__ import annotations

import itertools
import zoneinfo
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.domain.deadlines import is_open_day
from service.domain.planning import plan_messages, zone_of
from service.domain.values import (
    Channel,
    ClinicFacts,
    Consents,
    HealthFlag,
    HeatIcePlan,
    Language,
    MessageState,
    PatientFacts,
    Plan,
    SessionFacts,
    TriggerPoints,
)
from service.domain.windows import is_allowed, local_day
from tests.domain.sessions import CLINIC, PROTOCOL, a_patient, a_session, planned

zones = st.sampled_from(sorted(zoneinfo.available_timezones()))
ends = st.integers(0, 67 * 366 * 24 * 60).map(
    lambda minute: datetime.fromtimestamp(minute * 60, UTC)
)
saved_after = st.one_of(
    st.integers(0, 120).map(lambda minutes: timedelta(minutes=minutes)),
    st.integers(0, 8 * 24).map(lambda hours: timedelta(hours=hours)),
)
sessions = st.builds(
    SessionFacts,
    ended_at=ends,
    regions=st.lists(st.sampled_from(sorted(PROTOCOL.regions)), max_size=3).map(tuple),
    baseline_pain=st.none() | st.integers(0, 10),
    first_session=st.booleans(),
    trigger_points=st.sampled_from(TriggerPoints),
    plan=st.sampled_from(HeatIcePlan),
    move_plan=st.sampled_from([None, "none", "Walk to the gate"]),
)
patients = st.builds(
    PatientFacts,
    language=st.sampled_from(Language),
    channel=st.sampled_from(Channel),
    consents=st.builds(Consents, sms=st.booleans(), email=st.booleans(), details=st.booleans()),
    time_zone=st.none() | zones,
    health_flags=st.frozensets(st.sampled_from(HealthFlag), max_size=3),
    guardian=st.booleans(),
)
clinics = zones.map(lambda zone: ClinicFacts(name="Bayou", phone="281-555-0100", time_zone=zone))

every_plan = given(sessions, patients, clinics, saved_after, st.booleans())
many = settings(max_examples=250, deadline=None)


def make(
    session: SessionFacts,
    patient: PatientFacts,
    clinic: ClinicFacts,
    saved: timedelta,
    welcomed: bool,
) -> Plan:
    return plan_messages(
        session, patient, clinic, PROTOCOL, saved_at=session.ended_at + saved, welcomed=welcomed
    )


@many
@every_plan
def test_nothing_goes_out_outside_its_window_or_after_it_is_useful(
    session, patient, clinic, saved, welcomed
):
    zone = zone_of(patient, clinic)

    for message in planned(make(session, patient, clinic, saved, welcomed)):
        window = PROTOCOL.step(message.key).window
        assert window is not None
        assert session.ended_at + saved <= message.send_at < message.send_before
        assert message.send_before <= message.useful_until
        assert is_allowed(message.send_at, window, zone)
        assert is_allowed(message.send_before - timedelta(seconds=1), window, zone)


@many
@every_plan
def test_messages_keep_their_order_and_their_distance(session, patient, clinic, saved, welcomed):
    order = [step.key for step in PROTOCOL.steps]
    plan = make(session, patient, clinic, saved, welcomed)

    for channel in Channel:
        row = [m for m in planned(plan) if m.channel is channel and m.key != "welcome"]
        for earlier, later in itertools.pairwise(row):
            assert later.send_at - earlier.send_at >= timedelta(minutes=60)
            assert order.index(earlier.key) < order.index(later.key)


@many
@every_plan
def test_no_day_has_more_texts_than_the_limits_allow(session, patient, clinic, saved, welcomed):
    zone = zone_of(patient, clinic)
    day_0 = local_day(session.ended_at, zone)
    plan = make(session, patient, clinic, saved, welcomed)

    texts = [m for m in planned(plan) if m.channel is Channel.SMS and m.key != "welcome"]
    days = Counter((local_day(m.send_at, zone), PROTOCOL.step(m.key).is_nudge) for m in texts)

    for (day, are_nudges), count in days.items():
        limit = 1 if are_nudges else PROTOCOL.limits.texts_on_day((day - day_0).days)
        assert count <= limit


@many
@every_plan
def test_a_message_moves_earlier_only_as_far_as_it_may(session, patient, clinic, saved, welcomed):
    for message in planned(make(session, patient, clinic, saved, welcomed)):
        step = PROTOCOL.step(message.key)
        if message.send_at >= message.due_at:
            continue
        limit = step.closed_days.down_to if step.closed_days else step.not_before
        assert step.slide.may_be_earlier
        assert message.send_at - session.ended_at >= limit


@many
@every_plan
def test_a_check_in_is_planned_or_staff_phone(session, patient, clinic, saved, welcomed):
    plan = make(session, patient, clinic, saved, welcomed)

    keys = {message.key for message in planned(plan)}
    tasks = {task.key for task in plan.tasks}

    assert ("checkin_48h" in keys) != ("phone_48h" in tasks)
    assert ("checkin_96h" in keys) != ("phone_96h" in tasks)


@many
@every_plan
def test_nothing_is_sent_without_consent_or_skipped_without_a_reason(
    session, patient, clinic, saved, welcomed
):
    plan = make(session, patient, clinic, saved, welcomed)

    assert len({(m.key, m.channel) for m in plan.messages}) == len(plan.messages)
    for message in plan.messages:
        consents = patient.consents
        assert consents.sms if message.channel is Channel.SMS else consents.email
        assert message.wording in PROTOCOL.wordings
        assert message.state is MessageState.PLANNED or message.reason


@many
@every_plan
def test_heat_and_cold_never_reach_whom_they_may_harm(session, patient, clinic, saved, welcomed):
    heat = {"heat_ice", "heat_only"}
    cold = {"heat_ice", "ice_only"}

    for message in make(session, patient, clinic, saved, welcomed).messages:
        form = message.slots.get("heat_ice", message.wording)
        assert not (form in heat and patient.health_flags & PROTOCOL.heat_ice.no_heat)
        assert not (form in cold and patient.health_flags & PROTOCOL.heat_ice.no_cold)


@many
@given(st.sampled_from(["2026-03-07", "2026-10-31"]), st.integers(0, 48 * 60))
@example("2026-03-07", 22 * 60)
def test_around_both_clock_changes_check_ins_land_in_working_hours(day, minutes):
    zone = ZoneInfo("America/Chicago")
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    session = a_session(start - timedelta(hours=48) + timedelta(minutes=minutes))

    plan = plan_messages(
        session, a_patient(), CLINIC, PROTOCOL, saved_at=session.ended_at, welcomed=True
    )

    for message in planned(plan):
        if message.key.startswith("checkin"):
            local = message.send_at.astimezone(zone)
            assert "10:00" <= f"{local:%H:%M}" < "17:30"
            assert message.send_at - session.ended_at >= timedelta(hours=44)


@many
@every_plan
def test_a_day_4_check_in_leaves_its_day_only_for_an_open_one(
    session, patient, clinic, saved, welcomed
):
    clinic_zone = ZoneInfo(clinic.time_zone)

    for message in planned(make(session, patient, clinic, saved, welcomed)):
        early = message.send_at < session.ended_at + timedelta(hours=90)
        if message.key == "checkin_96h" and early:
            assert is_open_day(local_day(message.send_at, clinic_zone), clinic)
