"""Each step of the reader by itself."""

import pytest

from service.domain.triage import Answer, Circumstances, load_rules, read_reply
from service.domain.triage.clauses import layout_of
from service.domain.triage.cues import scene_of
from service.domain.triage.denial import denied
from service.domain.triage.judge import hypothetical, over
from service.domain.triage.lexicon import spanish_sound
from service.domain.triage.normalise import words_of
from service.domain.triage.numbers import score_of
from service.domain.triage.patterns import CueError, parse
from service.domain.triage.rules import Role
from service.domain.triage.signs import letters_of
from service.domain.values import Level


def typed(text):
    return [word.text for word in words_of(text, {"🔥": "hot"})]


def scene(text):
    return scene_of(text, load_rules())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Can't BREATHE", ["cant", "breathe"]),
        ("está hinchadó", ["esta", "hinchado"]),
        ("７/10", ["7/10"]),
        ("7️⃣", ["7"]),
        ("so 🔥", ["so", "hot"]),
        ("no no no no no no", ["no", "no", "no"]),
        ("\u200bst\u200bop", ["stop"]),
    ],
)
def test_words_are_read_as_one_would_say_them(text, words):
    assert typed(text) == words


def test_a_but_begins_a_new_statement():
    layout = layout_of(words_of("no fever but my hand is numb, badly", {}))

    assert len(set(layout.clauses)) == 2
    assert len(set(layout.phrases)) == 3


@pytest.mark.parametrize("text", ["numb ..", "a? b", "numb? ", "numb [x]", "a ..9 b"])
def test_a_cue_that_makes_no_sense_is_refused(text):
    with pytest.raises(CueError):
        parse(text)


@pytest.mark.parametrize(
    ("slip", "meant"), [("ormigeo", "hormigueo"), ("kede", "quede"), ("aser", "hacer")]
)
def test_spanish_is_read_by_its_sound(slip, meant):
    assert spanish_sound(slip) == spanish_sound(meant)


def reasons(question, text, category):
    laid = scene(text)
    return {
        question(match, laid)
        for match in laid.of(Role.FINDING)
        if match.family.category == category
    }


@pytest.mark.parametrize(
    "text",
    [
        "no numbness", "not numb at all", "no fever, chills or numbness", "sin hormigueo",
        "ni fiebre ni hormigueo", "numbness: none",
    ],
)  # fmt: skip
def test_a_denied_symptom_is_denied(text):
    assert reasons(denied, text, "nerve") == {"denied"}


@pytest.mark.parametrize(
    "text",
    [
        "no, my hand is numb", "not only numb", "no siento la mano", "cant feel my hand",
        "no pain, my hand is numb", "dont know why my hand is numb",
    ],
)  # fmt: skip
def test_a_no_that_belongs_elsewhere_denies_nothing(text):
    assert None in reasons(denied, text, "nerve")


@pytest.mark.parametrize("text", ["tingling went away", "ya no tengo hormigueo"])
def test_what_is_over_is_over(text):
    assert "over" in reasons(over, text, "nerve") | reasons(denied, text, "nerve") or (
        "denied" in reasons(denied, text, "nerve")
    )


@pytest.mark.parametrize("text", ["tingling wont quit", "tingling stopped but came back"])
def test_what_came_back_is_not_over(text):
    assert reasons(over, text, "nerve") == {None}


def test_what_might_come_is_no_finding():
    assert reasons(hypothetical, "if it gets numb ill call", "nerve") == {"hypothetical"}


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("2", 2), ("7/10", 7), ("2-3", 3), ("3.5", 4), ("siete", 7), ("was 8 now 3", 3),
        ("from 6 to 2", 2), ("de 8 a 3", 3), ("11/10", None), ("-2", None), ("took 2 advil", None),
        ("pain 1 in the morning 8 by night", 8), ("9/10 would recommend", None),
        ("8 hrs sleep 2 cups of coffee 0 pain", 0), ("7 out of 10", 7), ("see you at 2", None),
    ],
)  # fmt: skip
def test_the_number_for_now_is_the_score(text, score):
    assert score_of(text, scene(text), checkin_open=True).value == score


def test_a_number_out_of_the_blue_needs_a_pain_word():
    assert score_of("4", scene("4"), checkin_open=False).value is None
    assert score_of("pain is 4", scene("pain is 4"), checkin_open=False).value == 4


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("A", ("A",)), ("a, c", ("A", "C")), ("A y B", ("A", "B")), ("n", ("N",)),
        ("none", ("N",)), ("a little sore", ()), ("bad", ()), ("ac", ("A", "C")),
    ],
)  # fmt: skip
def test_only_letters_alone_are_signs(text, letters):
    assert letters_of(words_of(text, {})) == letters


def ask(text, **more):
    return read_reply(text, Circumstances(hours_since_session=48.0, checkin_open=True, **more))


@pytest.mark.parametrize(
    ("text", "more", "answer"),
    [
        ("2", {}, Answer.SIGNS),
        ("2 better", {}, Answer.OK),
        ("A", {"signs_open": True}, Answer.EMERGENCY),
        ("D", {"signs_open": True}, Answer.URGENT),
        ("N", {"signs_open": True}, Answer.OK),
        ("yes", {"signs_open": True}, Answer.CLARIFY_SIGNS),
        ("YES", {"safety_check_open": True}, Answer.EMERGENCY),
        ("help me", {}, Answer.SAFETY_CHECK),
        ("i want to die", {}, Answer.SELF_HARM),
        ("can i swim", {}, Answer.QUESTION),
        ("wrong number", {}, Answer.WRONG_NUMBER),
        ("qwrtz", {}, Answer.CLARIFY),
        ("qwrtz", {"clarified_before": True}, Answer.ROUTINE),
        ("im driving", {}, Answer.NONE),
        ("stop", {}, Answer.STOP),
    ],
)
def test_each_reply_has_its_answer(text, more, answer):
    assert ask(text, **more).answer is answer


def test_a_picture_is_looked_at_by_a_person():
    reading = ask("", has_media=True)

    assert reading.level is Level.ROUTINE
    assert reading.answer is Answer.PHOTO


def test_bleeding_with_a_blood_thinner_is_urgent():
    assert ask("still bleeding", blood_thinner=True).level is Level.URGENT


def test_contractions_count_in_pregnancy_only():
    assert ask("having contractions", pregnant=True).level is Level.EMERGENCY
    assert "pregnancy" not in ask("having contractions").categories


def test_cannot_talk_now_leaves_the_check_in_open():
    assert ask("im driving").no_answer
