"""The worked cases of the clinical protocol (C5), one by one."""

import pytest

from service.domain.triage import Answer, Circumstances, read_reply
from service.domain.values import Level

DAYS = {"48h": 48.0, "4d": 96.0, "any": 48.0}


def when(moment: str, before: int | None, earlier: int | None, **more: bool) -> Circumstances:
    return Circumstances(
        hours_since_session=DAYS[moment],
        baseline=before,
        previous=earlier,
        checkin_open=True,
        **more,
    )


E, U, R, OK = Level.EMERGENCY, Level.URGENT, Level.ROUTINE, Level.OK

CASES = [
    ("2", "48h", 4, None, OK, set()),
    ("7", "48h", 4, None, U, {"severe_pain"}),
    ("7", "48h", 7, None, R, {"severe_pain"}),
    ("6", "48h", 2, None, U, {"worsening"}),
    ("5", "48h", 3, None, U, {"worsening"}),
    ("5", "4d", 5, 5, U, {"not_improving"}),
    ("5", "4d", 2, 5, U, {"worsening", "not_improving"}),
    ("4", "4d", 6, 6, R, set()),
    ("5", "4d", None, 5, U, {"not_improving"}),
    ("6", "4d", 5, 4, U, {"worsening"}),
    ("3", "4d", 1, 3, OK, set()),
    ("was 8 now 3", "48h", 5, None, OK, set()),
    ("10 minutes of stretching, pain 2", "48h", None, None, OK, set()),
    ("took 2 advil", "48h", None, None, R, {"unclear"}),
    ("little bruise but feel great", "48h", None, None, OK, set()),
    ("no numbness, tingling or weakness. 2", "48h", None, None, OK, set()),
    ("my hand is still numb", "any", None, None, U, {"nerve"}),
    ("numbness is gone now", "48h", None, None, OK, set()),
    ("no chest pain but its hard to breathe", "any", None, None, E, {"breathing"}),
    ("cant breath", "any", None, None, E, {"breathing"}),
    ("had chest tightness last night, gone now", "48h", None, None, U, {"chest_pain"}),
    ("passed out yesterday, ok now", "48h", None, None, U, {"collapse"}),
    ("what if I get chest pain?", "any", None, None, R, {"question"}),
    ("is it normal my fingers tingle?", "any", None, None, U, {"nerve"}),
    ("my son has a fever", "any", None, None, R, {"other_person"}),
    ("toes numb like before my surgery years ago, nothing new. 3", "48h", None, None, OK, set()),
    ("STOP i cant breathe", "any", None, None, E, {"breathing"}),
    ("3, spot is red hot and oozing", "48h", None, None, U, {"infection"}),
    ("red streaks, chills, confused", "any", None, None, E, {"infection"}),
    ("calf cramped all night", "48h", None, None, U, {"spasm"}),
    ("a few twitches, nothing bad", "48h", None, None, OK, set()),
    ("a bit worse than yesterday", "48h", None, None, U, {"worsening"}),
    ("a bit worse than yesterday", "4d", None, None, U, {"worsening"}),
    ("same", "4d", None, 1, OK, set()),
    ("same", "4d", None, None, U, {"not_improving"}),
    ("i peed myself and my groin is numb", "any", None, None, E, {"cauda_equina"}),
    ("im at the ER, collapsed lung", "any", None, None, U, {"adverse_event"}),
    ("can I take ibuprofen?", "any", None, None, R, {"medication"}),
    ("pls call me asap", "any", None, None, U, {"callback_request"}),
    ("i want to die", "any", None, None, E, {"self_harm"}),
    ("painkillers helped, 2", "48h", None, None, OK, set()),
    ("no siento la mano", "any", None, None, U, {"nerve"}),
    ("ya no tengo hormigueo, 1", "48h", None, None, OK, set()),
    ("me falta el aire", "any", None, None, E, {"breathing"}),
    ("no me falta el aire, 2", "48h", None, None, OK, set()),
    ("moretón chiquito, todo bien", "48h", None, None, OK, set()),
    ("está rojo y sale pus", "any", None, None, U, {"infection"}),
    ("no aguanto el dolor", "any", None, None, U, {"severe_pain"}),
    ("sin fiebre ni pus, 2", "48h", None, None, OK, set()),
    ("no se me quita", "4d", None, None, U, {"not_improving"}),
    ("ayuda no puedo respirar", "any", None, None, E, {"breathing"}),
    ("👍", "48h", None, None, OK, set()),
]


@pytest.mark.parametrize(
    ("reply", "moment", "before", "earlier", "level", "categories"),
    CASES,
    ids=[f"{case[0][:40]} | {case[1]} {case[2]} {case[3]}" for case in CASES],
)
def test_a_worked_case_is_read_as_the_protocol_says(
    reply, moment, before, earlier, level, categories
):
    reading = read_reply(reply, when(moment, before, earlier))

    assert reading.level is level
    assert categories <= set(reading.categories)


def test_a_childs_fever_in_the_guardians_thread_is_the_patients():
    reading = read_reply("my son has a fever", when("any", None, None, guardian=True))

    assert reading.level is Level.URGENT
    assert "infection" in reading.categories


def test_a_plea_inside_a_stop_is_answered_as_serious():
    reading = read_reply("STOP i cant breathe", when("any", None, None))

    assert reading.opt_out
    assert reading.answer is Answer.STOP_SERIOUS


def test_a_request_for_help_with_texts_raises_nothing():
    reading = read_reply("ayuda", when("any", None, None))

    assert reading.answer is Answer.HELP
    assert reading.level is Level.OK


def test_a_thumbs_up_alone_is_asked_for_the_number():
    reading = read_reply("👍", when("48h", None, None))

    assert reading.answer is Answer.CLARIFY


def test_denials_are_kept_with_their_reason():
    reading = read_reply("no numbness, tingling or weakness. 2", when("48h", None, None))

    dropped = {finding.category: finding.dropped for finding in reading.findings}
    assert dropped == {"nerve": "denied", "weakness": "denied"}
    assert reading.score == 2
