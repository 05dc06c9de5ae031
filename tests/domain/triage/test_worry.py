"""Words that worry raise what no cue understood, and lower nothing."""

import dataclasses

from service.domain.triage import Circumstances, load_rules, read_reply
from service.domain.triage.cues import scene_of
from service.domain.triage.worry import most_worrying, weigh, worry_of
from service.domain.values import Level
from tests.domain.triage.rows import labelled_rows

ASKED = Circumstances(hours_since_session=48.0, checkin_open=True)


def laid(text):
    return scene_of(text, load_rules())


def test_a_word_of_red_replies_weighs_more_than_one_of_fine_ones():
    weights = weigh([(laid("ghastly"), True)] * 5 + [(laid("jolly"), False)] * 5)

    assert weights["ghastly"] > 0 > weights["jolly"]


def test_a_word_seen_too_seldom_weighs_nothing():
    assert weigh([(laid("ghastly"), True)] * 2) == {}


def test_the_words_that_weigh_most_are_named():
    scene = laid("a ghastly jolly day")

    assert most_worrying(scene, {"ghastly": 2.0, "jolly": -2.0, "day": 1.0}) == "ghastly, day"
    assert worry_of(scene, {}) == 0.0


def test_worry_never_lowers_a_level():
    rules = load_rules()
    unweighed = dataclasses.replace(rules, weights={}, emergency_weights={})

    for row in labelled_rows():
        weighed = read_reply(row["text"], ASKED, rules).level
        assert weighed.rank <= read_reply(row["text"], ASKED, unweighed).level.rank


def test_what_worries_and_is_not_understood_is_urgent():
    rules = dataclasses.replace(load_rules(), weights={"qwx": 9.0, "qwy": 9.0, "qwz": 9.0})

    reading = read_reply("qwx qwy qwz", ASKED, rules)

    assert reading.level is Level.URGENT
    assert reading.findings[-1].cue == "worrying words: qwz, qwy, qwx"
