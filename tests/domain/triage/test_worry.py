"""Words that worry raise what the cues left open, and lower nothing a cue has found."""

import dataclasses

from service.domain.triage import Circumstances, load_rules, read_reply
from service.domain.triage.cues import scene_of
from service.domain.triage.weights import Weights
from service.domain.triage.worry import features_of, worry_of
from service.domain.values import Level
from tests.domain.triage.rows import labelled_rows
from tests.domain.triage.weigh import learn

ASKED = Circumstances(hours_since_session=48.0, checkin_open=True)


def laid(text):
    return scene_of(text, load_rules())


def weighing(words, **more):
    return dataclasses.replace(load_rules(), weights=Weights((0, 0, 0), words, **more))


def test_a_word_of_red_replies_weighs_more_than_one_of_fine_ones():
    samples = [(["ghastly"], True), (["jolly"], False)] * 5

    _, weights = learn(samples, cost=1.0)

    assert weights["ghastly"] > 0 > weights["jolly"]


def test_a_denied_word_is_not_the_word():
    assert "ghastly" in features_of(laid("ghastly pimple"), late=False)
    assert "!ghastly" in features_of(laid("no ghastly pimple"), late=False)
    assert "ghastly" in features_of(laid("no, but ghastly"), late=False)


def test_day_four_is_weighed_apart():
    assert not any(feature.startswith("96h") for feature in features_of(laid("sore"), late=False))
    assert "96h sore" in features_of(laid("sore"), late=True)


def test_the_words_that_weigh_most_are_named():
    words = {"ghastly": (20, 0, 0), "jolly": (-20, 0, 0), "day": (10, 0, 0)}
    scene = laid("a ghastly jolly day")

    assert worry_of(scene, False, Weights((0, 0, 0), words)).words == ("ghastly", "day")


def test_worry_never_lowers_what_a_cue_has_found():
    rules = load_rules()
    unweighed = dataclasses.replace(rules, weights=Weights())

    for row in labelled_rows():
        without = read_reply(row["text"], ASKED, unweighed)
        if {finding.category for finding in without.findings if not finding.dropped} - {"unclear"}:
            assert read_reply(row["text"], ASKED, rules).level.rank <= without.level.rank


def test_what_worries_and_is_not_understood_is_urgent():
    rules = weighing({"qwx": (90, -90, 0)}, categories={"qwx": {"nerve": 90}})

    reading = read_reply("qwx qwy qwz", ASKED, rules)

    assert reading.level is Level.URGENT
    assert reading.categories[0] == "nerve"
    assert reading.findings[-1].cue == "worrying words: qwx"


def test_what_is_surely_fine_needs_nobody():
    assert read_reply("qwx qwy", ASKED, weighing({"qwx": (-90, -90, 90)})).level is Level.OK
    assert read_reply("qwx qwy", ASKED, weighing({"qwx": (-10, -90, 90)})).level is Level.ROUTINE


def test_words_never_make_an_urgent_finding_fine():
    rules = weighing({"numb": (-900, -900, 900)})

    assert read_reply("my hand is numb", ASKED, rules).level is Level.URGENT
