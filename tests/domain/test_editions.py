"""A clinic's edition: what it may change, what it never can, and that its version names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.protocol import load_protocol
from service.domain.protocol.editions import (
    Changes,
    Edition,
    UnknownEdition,
    changed_protocol,
    edition_of,
    problems_in,
    version_of,
)
from service.domain.values import Language, MessageKind
from service.domain.wording import changed_texts, load_texts
from tests.domain.sessions import a_plan, a_session

TIPS = [step.key for step in load_protocol(1).steps if step.clinic_may]
SOME = Changes(due={"move_am": "10:30"}, left_out=("tip_72h",), pain={"severe_from": 8})


def problems(**changes):
    return dict(problems_in(load_protocol(1), Changes(**changes)))


def test_nothing_changed_is_the_protocol_of_the_files():
    assert version_of(Edition(1, Changes())) == 1
    assert edition_of(1) is None


def test_the_same_content_has_one_version_and_another_content_another():
    other = SOME.model_copy(update={"left_out": ("hydrate",)})

    assert version_of(Edition(1, SOME)) == version_of(Edition(1, SOME.model_copy()))
    assert len({version_of(Edition(1, one)) for one in (SOME, other)}) == 2
    assert version_of(Edition(1, SOME), salt=1) != version_of(Edition(1, SOME))
    # What the columns of the database hold.
    assert 1_000_000_000 <= version_of(Edition(1, SOME)) < 2**31


def test_a_version_that_nobody_stored_is_refused():
    with pytest.raises(UnknownEdition):
        edition_of(1_999_999_999)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"left_out": ("checkin_48h",)}, "send.checkin_48h"),
        ({"left_out": ("breath_safety",)}, "send.breath_safety"),
        ({"left_out": ("nothing",)}, "send.nothing"),
        ({"due": {"nudge_48h": "11:00"}}, "due.nudge_48h"),
        ({"due": {"move_am": "08:59"}}, "due.move_am"),
        ({"due": {"move_am": "12:01"}}, "due.move_am"),
        ({"due": {"move_am": "2h"}}, "due.move_am"),
        ({"due": {"hydrate": "09:30"}}, "due.hydrate"),
        ({"due": {"hydrate": "59m"}}, "due.hydrate"),
        ({"pain": {"severe_from": 9}}, "pain.severe_from"),
        ({"pain": {"worse_by": 0}}, "pain.worse_by"),
        ({"pain": {"mild_up_to": 5}}, "pain.mild_up_to"),
    ],
)
def test_what_the_protocol_does_not_leave_to_a_clinic_is_refused_by_name(changes, field):
    assert list(problems(**changes)) == [field]


def test_what_it_leaves_to_a_clinic_is_not():
    assert problems(due={"move_am": "12:00", "hydrate": "90m"}, left_out=TIPS) == {}


def test_a_tip_left_out_is_not_planned_and_one_moved_comes_at_its_time():
    protocol = changed_protocol(load_protocol(1), SOME, 1_000_000_001)

    planned = {one.key: one for one in a_plan(protocol=protocol).messages}

    assert "tip_72h" not in planned
    assert planned["move_am"].due_at.astimezone().minute == 30
    assert {"checkin_48h", "nudge_48h", "checkin_96h"} <= planned.keys()


@given(st.sets(st.sampled_from(TIPS)))
def test_whatever_is_left_out_the_check_ins_and_safety_texts_stay(left_out):
    usual = a_plan(a_session(regions=("chest",)))
    protocol = changed_protocol(load_protocol(1), Changes(left_out=tuple(left_out)), 1_000_000_002)

    plan = a_plan(a_session(regions=("chest",)), protocol=protocol)

    kept = (MessageKind.SAFETY, MessageKind.CHECKIN)
    assert [one for one in plan.messages if one.kind in kept] == [
        one for one in usual.messages if one.kind in kept
    ]
    assert not left_out & {one.key for one in plan.messages}


def test_only_the_changed_wording_differs():
    base = load_texts(1)
    changes = Changes(texts={Language.EN: {"hydrate": "{clinic}: Drink water."}})

    texts = changed_texts(base, changes, 1_000_000_003)

    differing = {
        (language, key)
        for language in Language
        for key in base.keys
        if texts.get(key, language) != base.get(key, language)
    }
    assert differing == {(Language.EN, "hydrate")}
