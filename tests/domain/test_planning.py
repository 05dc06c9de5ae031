"""What a patient is sent and when: each row of the schedule, and the edges around it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from service.domain.planning import (
    no_reply_task,
    phone_tasks,
    plan_visit_reminder,
    zone_of,
)
from service.domain.values import (
    Channel,
    Consents,
    HealthFlag,
    HeatIcePlan,
    MessageState,
    OpenHours,
    TriggerPoints,
)
from service.domain.windows import UnknownTimeZone
from tests.domain.sessions import (
    BY_EMAIL,
    CLINIC,
    PROTOCOL,
    a_patient,
    a_plan,
    a_session,
    by_key,
    chicago,
    on_the_wall,
    planned,
    sent_at,
)

DETAILS = Consents(sms=True, email=False, details=True)
BOTH = Consents(sms=True, email=True)
CHEST = {"regions": ("upper_mid_back",)}

NO_TIME = "Not sent: it could not arrive while it is useful."
FULL_DAY = "Not sent: the patient already gets enough messages on that day."
SAVED_TOO_LATE = "Not sent: the session was saved when this was no longer useful."


@pytest.mark.parametrize(
    ("ended", "key", "expected"),
    [
        # 2 March 2026 is a Monday; clocks go forward on Sunday the 8th.
        ("2026-03-02 09:00", "breath_safety", "2026-03-02 10:00"),
        ("2026-03-02 20:30", "breath_safety", "2026-03-02 20:45"),
        ("2026-03-02 20:48", "breath_safety", "2026-03-02 20:58"),
        ("2026-03-02 20:55", "breath_safety", "2026-03-03 08:00"),
        ("2026-03-01 08:00", "breath_safety", "2026-03-01 09:00"),
        ("2026-03-02 09:00", "hydrate", "2026-03-02 11:00"),
        ("2026-03-02 18:30", "hydrate", "2026-03-02 19:45"),
        ("2026-03-02 19:40", "hydrate", NO_TIME),
        ("2026-03-01 08:00", "hydrate", NO_TIME),
        ("2026-03-02 09:00", "heat_ice", "2026-03-02 13:00"),
        ("2026-03-02 17:00", "heat_ice", "2026-03-03 09:00"),
        ("2026-03-07 17:00", "heat_ice", "2026-03-08 12:00"),
        ("2026-03-02 09:00", "move_am", "2026-03-03 09:30"),
        ("2026-03-02 21:45", "move_am", "2026-03-03 10:00"),
        ("2026-03-07 12:00", "move_am", "2026-03-08 12:00"),
        ("2026-03-02 09:00", "checkin_48h", "2026-03-04 10:00"),
        ("2026-03-02 14:00", "checkin_48h", "2026-03-04 14:00"),
        ("2026-03-02 19:00", "checkin_48h", "2026-03-04 17:15"),
        ("2026-03-02 21:20", "checkin_48h", "2026-03-04 17:20"),
        ("2026-03-02 21:40", "checkin_48h", NO_TIME),
        ("2026-03-06 10:30", "checkin_48h", "2026-03-08 12:00"),
        ("2026-03-06 14:00", "checkin_48h", "2026-03-08 15:00"),
        ("2026-03-02 09:00", "nudge_48h", "2026-03-05 10:00"),
        ("2026-03-05 14:00", "nudge_48h", "2026-03-08 12:00"),
        ("2026-03-02 09:00", "tip_72h", "2026-03-05 11:00"),
        ("2026-03-02 14:00", "tip_72h", "2026-03-05 14:00"),
        ("2026-03-02 18:00", "tip_72h", NO_TIME),
        ("2026-03-01 09:00", "checkin_96h", "2026-03-05 10:00"),
        ("2026-03-01 15:00", "checkin_96h", "2026-03-05 15:00"),
        ("2026-03-01 19:00", "checkin_96h", "2026-03-05 17:15"),
        ("2026-03-01 15:00", "nudge_96h", "2026-03-06 10:00"),
        ("2026-03-02 14:00", "close", "2026-03-08 15:00"),
        ("2026-03-02 08:00", "close", "2026-03-08 12:00"),
    ],
)
def test_each_step_goes_out_at_its_time_or_where_its_window_lets_it(ended, key, expected):
    region = "chest" if key == "breath_safety" else "thigh"

    plan = a_plan(a_session(ended, regions=(region,)))

    assert sent_at(plan, key) == expected


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ("2026-03-02 10:00", "2026-03-03 10:30"),
        ("2026-03-02 09:30", "2026-03-03 10:30"),
        ("2026-03-02 14:00", "2026-03-03 14:00"),
        ("2026-03-02 20:30", NO_TIME),
    ],
)
def test_the_word_about_soreness_comes_a_day_later(ended, expected):
    assert sent_at(a_plan(a_session(ended, first_session=True)), "soreness_24h") == expected


def test_the_messages_stand_in_the_order_in_which_they_go_out():
    plan = a_plan(a_session("2026-03-01 13:00", first_session=True, **CHEST), welcomed=False)

    assert [m.key for m in plan.messages] == [
        "welcome", "breath_safety", "hydrate", "heat_ice", "move_am", "soreness_24h",
        "checkin_48h", "nudge_48h", "tip_72h", "checkin_96h", "nudge_96h", "close",
    ]  # fmt: skip
    assert plan.tasks == ()
    assert plan.protocol_version == 1


def test_a_message_may_go_out_until_its_window_closes_or_it_is_useless():
    messages = by_key(a_plan(a_session("2026-03-02 14:00")))

    assert on_the_wall(messages["checkin_48h"].send_before) == "2026-03-04 17:30"
    assert on_the_wall(messages["move_am"].send_before) == "2026-03-03 18:00"
    assert on_the_wall(messages["nudge_48h"].useful_until) == "2026-03-05 22:00"


# --- who gets what ---------------------------------------------------------------------------


def test_the_welcome_is_sent_once_per_person():
    assert "welcome" in by_key(a_plan(welcomed=False))
    assert "welcome" not in by_key(a_plan(welcomed=True))


def test_the_welcome_waits_for_the_morning():
    plan = a_plan(a_session("2026-03-02 21:30"), welcomed=False)

    assert sent_at(plan, "welcome") == "2026-03-03 08:00"


@pytest.mark.parametrize(
    ("regions", "warned"),
    [(("thigh",), False), (("chest",), True), (("thigh", "low_back_upper"), True), ((), False)],
)
def test_breathing_trouble_is_named_when_a_needle_was_near_the_lung(regions, warned):
    assert ("breath_safety" in by_key(a_plan(a_session(regions=regions)))) is warned


@pytest.mark.parametrize(
    ("details", "sent"),
    [
        ({}, False),
        ({"first_session": True}, True),
        ({"trigger_points": TriggerPoints.HIGH}, True),
        ({"trigger_points": TriggerPoints.MEDIUM}, False),
        ({"regions": ("neck",)}, True),
        ({"regions": ("thigh", "upper_trap")}, True),
        ({"regions": ("chest",)}, False),
    ],
)
def test_soreness_is_explained_to_those_who_get_sore(details, sent):
    assert ("soreness_24h" in by_key(a_plan(a_session(**details)))) is sent


def test_nobody_is_told_to_move_when_the_therapist_says_not_to():
    session = a_session(move_plan="none")

    assert "move_am" not in by_key(a_plan(session))
    assert "email_day1" not in by_key(a_plan(session, a_patient(**BY_EMAIL)))


def test_a_patient_with_a_fluid_limit_is_not_told_to_drink():
    patient = a_patient(health_flags=frozenset({HealthFlag.FLUID_LIMIT}))

    messages = by_key(a_plan(patient=patient))

    assert messages["hydrate"].wording == "hydrate_limit"
    assert messages["move_am"].wording == "move_am_dry"


def test_a_guardian_is_asked_about_the_child():
    messages = by_key(a_plan(patient=a_patient(guardian=True)))

    assert messages["checkin_48h"].wording == "checkin_48h_child"
    assert messages["checkin_96h"].wording == "checkin_96h_child"


def test_an_unknown_region_or_zone_is_an_error():
    with pytest.raises(KeyError):
        a_plan(a_session(regions=("elbow of the moon",)))
    with pytest.raises(UnknownTimeZone):
        a_plan(patient=a_patient(time_zone="Mars/Olympus"))


# --- personal parts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "move_plan", "slots"),
    [
        pytest.param(a_patient(), None, {"region": "generic"}, id="no details agreed"),
        pytest.param(a_patient(consents=DETAILS), None, {"region": "calf_foot"}, id="the first"),
        pytest.param(
            a_patient(consents=DETAILS),
            "Walk to the gate",
            {"region": "calf_foot", "move_text": "Walk to the gate"},
            id="the therapist's words win",
        ),
        pytest.param(
            a_patient(),
            "Walk to the gate",
            {"region": "generic", "move_text": "Walk to the gate"},
            id="the region stays unnamed",
        ),
        pytest.param(
            a_patient(consents=DETAILS, health_flags=frozenset({HealthFlag.PREGNANT})),
            None,
            {"region": "generic"},
            id="pregnant: no moves for a region",
        ),
        pytest.param(
            a_patient(consents=DETAILS, health_flags=frozenset({HealthFlag.PREGNANT})),
            "Walk to the gate",
            {"region": "calf_foot", "move_text": "Walk to the gate"},
            id="pregnant: unless the therapist wrote them",
        ),
    ],
)
def test_what_was_treated_is_named_only_with_consent(patient, move_plan, slots):
    session = a_session(regions=("calf_foot", "neck"), move_plan=move_plan)

    assert by_key(a_plan(session, patient))["move_am"].slots == slots


SENSATION = HealthFlag.IMPAIRED_SENSATION
THINNER = HealthFlag.BLOOD_THINNER
RAYNAUD = HealthFlag.RAYNAUD
PREGNANT = HealthFlag.PREGNANT


@pytest.mark.parametrize(
    ("plan", "flags", "regions", "wording", "clash"),
    [
        ("heat", (), ("thigh",), "heat_only", False),
        ("ice", (), ("thigh",), "ice_only", False),
        ("none", (), ("thigh",), "no_heat_ice", False),
        ("either", (), ("thigh",), "heat_ice", False),
        ("unset", (), ("thigh",), "heat_ice", False),
        ("unset", (THINNER,), ("thigh",), "ice_only", False),
        ("either", (RAYNAUD,), ("thigh",), "heat_only", False),
        ("either", (RAYNAUD, THINNER), ("thigh",), "no_heat_ice", False),
        ("unset", (SENSATION,), ("thigh",), "no_heat_ice", False),
        ("heat", (THINNER,), ("thigh",), "no_heat_ice", True),
        ("heat", (RAYNAUD,), ("thigh",), "heat_only", False),
        ("ice", (HealthFlag.COLD_ALLERGY,), ("thigh",), "no_heat_ice", True),
        ("ice", (THINNER,), ("thigh",), "ice_only", False),
        ("heat", (PREGNANT,), ("thigh",), "heat_only", False),
        ("heat", (PREGNANT,), ("thigh", "hip_glute"), "no_heat_ice", True),
        ("either", (PREGNANT,), ("low_back",), "ice_only", False),
        ("heat", (HealthFlag.FEVER,), ("thigh",), "no_heat_ice", True),
        ("none", (SENSATION,), ("thigh",), "no_heat_ice", False),
    ],
)
def test_heat_or_ice_follows_the_plan_unless_health_forbids_it(
    plan, flags, regions, wording, clash
):
    session = a_session(regions=regions, plan=HeatIcePlan(plan))

    made = a_plan(session, a_patient(health_flags=frozenset(flags)))

    assert by_key(made)["heat_ice"].wording == wording
    assert [task.key for task in made.tasks] == (["heat_ice_conflict"] if clash else [])


def test_a_plan_that_clashes_with_health_is_told_in_plain_words():
    session = a_session(plan=HeatIcePlan.HEAT)

    [task] = a_plan(session, a_patient(health_flags=frozenset({THINNER}))).tasks

    assert task.reason.startswith(
        "The plan says heat, but the patient's record says: blood thinner."
    )
    assert on_the_wall(task.due_at) == "2026-03-02 09:05"


# --- channels --------------------------------------------------------------------------------


def test_a_patient_with_email_only_gets_the_emails():
    session = a_session(plan=HeatIcePlan.ICE, **CHEST)
    patient = a_patient(health_flags=frozenset({HealthFlag.FLUID_LIMIT}), **BY_EMAIL)

    plan = a_plan(session, patient, welcomed=False)

    assert [m.key for m in planned(plan)] == [
        "welcome", "breath_safety", "email_day0", "email_day1", "checkin_48h", "email_day3",
        "checkin_96h", "email_close",
    ]  # fmt: skip
    assert {m.channel for m in plan.messages} == {Channel.EMAIL}
    assert by_key(plan)["email_day0"].slots == {
        "heat_ice": "ice_only",
        "fluid_limit": "yes",
        "chest": "yes",
    }
    assert by_key(plan)["email_day1"].slots == {"region": "generic", "fluid_limit": "yes"}


def test_a_patient_with_both_gets_safety_and_check_ins_twice_and_tips_once():
    plan = a_plan(a_session(**CHEST), a_patient(consents=BOTH), welcomed=False)

    by_email = {m.key for m in plan.messages if m.channel is Channel.EMAIL}

    assert by_email == {"welcome", "breath_safety", "checkin_48h", "checkin_96h"}
    assert {"hydrate", "move_am", "nudge_48h", "close"} <= set(by_key(plan, Channel.SMS))


def test_a_patient_who_prefers_email_is_still_nudged_by_text():
    plan = a_plan(patient=a_patient(channel=Channel.EMAIL, consents=BOTH))

    assert set(by_key(plan, Channel.SMS)) == {
        "checkin_48h", "nudge_48h", "checkin_96h", "nudge_96h",
    }  # fmt: skip
    assert "email_day0" in by_key(plan, Channel.EMAIL)


def test_without_any_consent_staff_phone_on_day_2_and_day_4():
    plan = a_plan(patient=a_patient(consents=Consents(sms=False, email=False)))

    assert plan.messages == ()
    assert [(task.key, on_the_wall(task.due_at)) for task in plan.tasks] == [
        ("phone_48h", "2026-03-04 09:00"),
        ("phone_96h", "2026-03-06 09:00"),
    ]


def test_calls_in_place_of_check_ins_wait_for_the_clinic_to_open():
    session = a_session("2026-03-05 20:00")

    tasks = phone_tasks(session, CLINIC, PROTOCOL, now=session.ended_at, reason="Opted out.")

    assert [on_the_wall(task.due_at) for task in tasks] == ["2026-03-09 08:00", "2026-03-10 08:00"]
    assert {task.reason for task in tasks} == {"Opted out."}


# --- closed days -----------------------------------------------------------------------------

OPEN_DAY_INSTEAD = "Moved earlier: the clinic is closed on day 4."


@pytest.mark.parametrize(
    ("ended", "expected", "reason"),
    [
        pytest.param("2026-03-03 15:00", "2026-03-06 17:00", OPEN_DAY_INSTEAD, id="to Friday"),
        pytest.param("2026-03-03 09:00", "2026-03-06 11:00", OPEN_DAY_INSTEAD, id="74 hours"),
        pytest.param("2026-03-03 15:45", "2026-03-07 15:45", None, id="Friday is out of reach"),
        pytest.param("2026-03-04 14:00", "2026-03-08 15:00", None, id="Sunday stays"),
        pytest.param("2026-03-05 09:00", "2026-03-09 10:00", None, id="Monday is open"),
    ],
)
def test_a_day_4_check_in_on_a_closed_day_moves_to_an_open_one_in_reach(ended, expected, reason):
    message = by_key(a_plan(a_session(ended)))["checkin_96h"]

    assert on_the_wall(message.send_at) == expected
    assert message.reason == reason


def test_a_holiday_is_a_closed_day():
    clinic = replace(CLINIC, holidays=frozenset({date(2026, 3, 6)}))

    plan = a_plan(a_session("2026-03-02 09:00"), clinic=clinic)

    assert sent_at(plan, "checkin_96h") == "2026-03-05 11:00"


def test_a_clinic_that_works_on_saturdays_asks_on_saturdays():
    week = {day: OpenHours(time(8), time(18)) for day in range(6)}

    plan = a_plan(a_session("2026-03-03 15:00"), clinic=replace(CLINIC, hours=week))

    assert sent_at(plan, "checkin_96h") == "2026-03-07 15:00"


def test_the_tip_of_day_3_is_skipped_when_the_check_in_takes_its_place():
    plan = a_plan(a_session("2026-03-03 15:00"))

    assert sent_at(plan, "tip_72h") == (
        "Not sent: the day-4 check-in was moved to day 3, an open day."
    )
    assert sent_at(plan, "nudge_48h") == "2026-03-06 10:00"


def test_a_check_in_that_moves_forward_keeps_its_distance_from_the_nudge():
    plan = a_plan(a_session("2026-03-03 08:00"))

    assert sent_at(plan, "nudge_48h") == "2026-03-06 10:00"
    assert sent_at(plan, "checkin_96h") == "2026-03-06 11:00"


def test_the_48_hour_check_in_keeps_its_time_on_a_closed_day():
    assert sent_at(a_plan(a_session("2026-03-05 14:00")), "checkin_48h") == "2026-03-07 14:00"


# --- limits ----------------------------------------------------------------------------------


def test_an_evening_session_does_not_crowd_the_next_day():
    plan = a_plan(a_session("2026-03-02 17:00", first_session=True))

    assert sent_at(plan, "heat_ice") == "2026-03-03 09:00"
    assert sent_at(plan, "move_am") == FULL_DAY
    assert sent_at(plan, "soreness_24h") == "2026-03-03 17:00"


def test_a_tip_gives_way_to_the_safety_text():
    plan = a_plan(a_session("2026-03-02 19:20", **CHEST))

    assert sent_at(plan, "breath_safety") == "2026-03-02 20:20"
    assert sent_at(plan, "hydrate") == NO_TIME


# --- saved late ------------------------------------------------------------------------------


def test_a_session_saved_late_sends_only_what_is_still_useful():
    plan = a_plan(a_session("2026-03-02 09:00", **CHEST), saved_after=timedelta(hours=12))

    assert sent_at(plan, "hydrate") == SAVED_TOO_LATE
    assert sent_at(plan, "breath_safety") == "2026-03-03 08:00"
    assert sent_at(plan, "move_am") == "2026-03-03 09:30"
    assert sent_at(plan, "checkin_48h") == "2026-03-04 10:00"


def test_overdue_messages_of_a_session_saved_late_are_kept_an_hour_apart():
    plan = a_plan(a_session("2026-03-02 09:00", **CHEST), saved_after=timedelta(hours=5))

    assert [(m.key, on_the_wall(m.send_at)) for m in planned(plan)][:3] == [
        ("breath_safety", "2026-03-02 14:00"),
        ("hydrate", "2026-03-02 15:00"),
        ("heat_ice", "2026-03-02 16:00"),
    ]
    assert by_key(plan)["hydrate"].reason == "It was due before the session was saved."


def test_staff_phone_when_a_session_is_saved_too_late_for_its_check_in():
    plan = a_plan(a_session("2026-03-01 09:00"), saved_after=timedelta(hours=70))

    assert sent_at(plan, "checkin_48h") == SAVED_TOO_LATE
    assert sent_at(plan, "nudge_48h") == "Not sent: its check-in is not sent either."
    assert sent_at(plan, "checkin_96h") == "2026-03-05 10:00"
    assert [(task.key, on_the_wall(task.due_at)) for task in plan.tasks] == [
        ("phone_48h", "2026-03-04 08:00")
    ]


def test_a_session_too_late_in_the_evening_for_a_check_in_gets_a_call_on_day_2():
    plan = a_plan(a_session("2026-03-02 21:45"))

    assert sent_at(plan, "checkin_48h") == NO_TIME
    assert [(task.key, on_the_wall(task.due_at)) for task in plan.tasks] == [
        ("phone_48h", "2026-03-05 08:00")
    ]


def test_a_session_entered_a_week_later_sends_nothing_and_asks_staff_to_phone():
    plan = a_plan(saved_after=timedelta(days=8))

    assert planned(plan) == []
    assert {task.key for task in plan.tasks} == {"phone_48h", "phone_96h"}
    assert all(m.state is MessageState.SKIPPED and m.reason for m in plan.messages)


# --- zones -----------------------------------------------------------------------------------


def test_hours_are_the_patients_own_when_they_live_elsewhere():
    honolulu = a_patient(time_zone="Pacific/Honolulu")

    plan = a_plan(a_session("2026-03-02 12:00"), honolulu)

    assert sent_at(plan, "hydrate", ZoneInfo("Pacific/Honolulu")) == "2026-03-02 10:00"
    assert zone_of(a_patient(), CLINIC) == ZoneInfo("America/Chicago")


def test_elapsed_hours_survive_the_clock_change():
    message = by_key(a_plan(a_session("2026-03-06 13:00")))["checkin_48h"]

    assert message.send_at - chicago("2026-03-06 13:00") == timedelta(hours=48)
    assert on_the_wall(message.send_at) == "2026-03-08 14:00"


# --- around the plan -------------------------------------------------------------------------


def test_a_patient_who_answered_nothing_is_rung_a_day_after_the_last_nudge():
    session = a_session("2026-03-01 15:00")

    task = no_reply_task(a_plan(session).messages, session, CLINIC, PROTOCOL)

    assert on_the_wall(task.due_at) == "2026-03-09 08:00", "the nudge is on Friday the 6th"
    assert task.on_top is False


def test_a_patient_without_texts_is_rung_as_well():
    session = a_session("2026-03-01 15:00")
    messages = a_plan(session, a_patient(**BY_EMAIL)).messages

    task = no_reply_task(messages, session, CLINIC, PROTOCOL)

    assert on_the_wall(task.due_at) == "2026-03-09 08:00"


@pytest.mark.parametrize("details", [{"first_session": True}, {"regions": ("neck",)}])
def test_first_timers_and_needles_near_the_lung_are_rung_first(details):
    session = a_session(**details)

    assert no_reply_task(a_plan(session).messages, session, CLINIC, PROTOCOL).on_top is True


def test_a_booked_visit_is_recalled_the_evening_before():
    visit = chicago("2026-03-10 11:00")

    message = plan_visit_reminder(
        visit, a_patient(), CLINIC, PROTOCOL, booked_at=chicago("2026-03-02 09:00")
    )

    assert message is not None
    assert on_the_wall(message.send_at) == "2026-03-09 17:00"
    assert on_the_wall(message.send_before) == "2026-03-09 20:00"
    assert message.useful_until == visit


def test_a_visit_is_not_recalled_too_late_or_to_a_patient_with_a_fluid_limit():
    visit = chicago("2026-03-10 11:00")
    limited = a_patient(health_flags=frozenset({HealthFlag.FLUID_LIMIT}))

    late = plan_visit_reminder(
        visit, a_patient(), CLINIC, PROTOCOL, booked_at=chicago("2026-03-09 20:30")
    )
    dry = plan_visit_reminder(
        visit, limited, CLINIC, PROTOCOL, booked_at=chicago("2026-03-02 09:00")
    )

    assert late is None
    assert dry is None
