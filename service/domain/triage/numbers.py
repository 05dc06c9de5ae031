"""Which number in a reply is the pain score for now, and which is a date, a dose, a past score."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from service.domain.triage.cues import Scene
from service.domain.triage.number_words import NUMBER_WORDS
from service.domain.triage.rules import Role

_PLAIN_EXAGGERATION = 20
_ONE = ("one", "uno", "un")
_REACHED = frozenset({"to", "down", "a", "bajo"})
"""What follows is where the score came to: "came down to a 4"."""
_WOKE = frozenset(["woke", "desperte", "despierto", "amaneci", "amanezco", "quedo", "quede"])
"""What leads to a score even where nobody asked for one: "woke up at an 8"."""
_LIKENED = frozenset({"and", "y", "as", "like", "como", "igual", "since", "desde"})
"""What follows is another thought: "4 as before", "its a 9 and before you ask"."""


@dataclass(frozen=True)
class Score:
    """What the numbers say. `value` is 0-10; `beyond` is a pain put above the scale ("11/10")."""

    value: int | None = None
    beyond: bool = False
    places: tuple[int, ...] = ()
    uncertain: bool = False
    """A number was there that may or may not be a score."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    value: int
    place: int
    past: bool
    origin: bool


def score_of(text: str, scene: Scene, checkin_open: bool) -> Score:
    """Return the score the patient states for now; of two for now the higher one counts."""
    candidates: list[_Candidate] = []
    beyond: list[int] = []
    uncertain = False
    skip = -1
    for place in range(len(scene.words)):
        if place <= skip or not _is_number(place, scene):
            continue
        value, skip = _value(text, place, scene)
        if value is None or _excluded(place, skip, scene):
            continue
        if not _reads_as_score(place, skip, scene, checkin_open):
            uncertain = uncertain or (0 <= value <= 10 and _free(skip, scene))
            continue
        if not checkin_open and not _pain_nearby(place, skip, scene):
            continue
        if value > 10:
            if _scaled(place, skip, scene) or (
                checkin_open and _exaggerates(value) and _pain_nearby(place, skip, scene)
            ):
                beyond.append(place)
            continue
        candidates.append(_Candidate(value, place, _past(place, scene), _origin(place, scene)))
    current = [candidate for candidate in candidates if not candidate.past]
    arrived = [candidate for candidate in current if not candidate.origin]
    current = [each for each in arrived if _now(each.place, scene)] or arrived or current
    if current:
        best = max(current, key=lambda candidate: candidate.value)
        return Score(best.value, bool(beyond), (best.place,))
    if beyond:
        return Score(None, True, (beyond[0],))
    return Score(uncertain=uncertain or bool(candidates))


def _is_number(place: int, scene: Scene) -> bool:
    word = scene.words[place]
    return word.is_number or word.text in NUMBER_WORDS


def _value(text: str, place: int, scene: Scene) -> tuple[int | None, int]:
    """Return the number at `place` on the pain scale, and the last place it takes up."""
    word = scene.words[place]
    upper = _upper_end(place, scene)
    if upper is not None:
        return upper
    half = _half_after(place, scene)
    if not word.is_number:
        value = NUMBER_WORDS[word.text]
        return (value + 1, half) if half else (value, _end_of_scale(place, scene))
    if half and word.text.isdigit():
        return int(word.text[:3]) + 1, half
    before = word.start - 1
    if before >= 0 and text[before] == "-" and (before == 0 or text[before - 1].isspace()):
        return None, place
    if before >= 0 and text[before] in "$#@€£":
        return None, place
    number = word.text
    if "/" in number:
        top, _, scale = number.partition("/")
        if scale != "10":
            return None, place
        return _rounded(top), place
    if "-" in number:
        low, _, high = number.partition("-")
        if "-" in high or len(number) > 5:
            return None, place
        values = [value for value in (_rounded(low), _rounded(high)) if value is not None]
        return (max(values), _end_of_scale(place, scene)) if len(values) == 2 else (None, place)
    if ":" in number or number.count(".") > 1 or len(number) > 5:
        return None, place
    return _rounded(number), _end_of_scale(place, scene)


def _half_after(place: int, scene: Scene) -> int | None:
    """Return the last place of "and a half", "y medio"; halves round up (triage guide)."""
    following = tuple(word.text for word in scene.words[place + 1 : place + 4])
    if following[:2] in (("y", "medio"), ("y", "media"), ("and", "half")):
        return place + 2
    return place + 3 if following == ("and", "a", "half") else None


def _upper_end(place: int, scene: Scene) -> tuple[int, int] | None:
    """Return the higher number of "between 2 and 3", "2 or 3", and where it stands."""
    words = scene.words
    joint = place + 2
    if joint < len(words) and words[joint].text in ("a", "an", "un"):
        joint += 1
    if joint >= len(words) or not _is_number(joint, scene) or not _is_plain(place, scene):
        return None
    joined = words[place + 1].text
    spanned = place > 0 and words[place - 1].text in ("between", "entre")
    if joined not in ("or", "o", "u") and not (spanned and joined in ("and", "y", "n", "e")):
        return None
    pair = [_plain_value(at, scene) for at in (place, joint)]
    values = [value for value in pair if value is not None]
    return (max(values), _end_of_scale(joint, scene)) if len(values) == 2 else None


def _is_plain(place: int, scene: Scene) -> bool:
    return not scene.words[place].is_number or scene.words[place].text.isdigit()


def _plain_value(place: int, scene: Scene) -> int | None:
    word = scene.words[place]
    return _rounded(word.text) if word.is_number else NUMBER_WORDS[word.text]


def _rounded(number: str) -> int | None:
    """Halves round up (triage guide)."""
    try:
        return floor(float(number.replace(",", ".")) + 0.5)
    except ValueError:
        return None


def _exaggerates(value: int) -> bool:
    """ "Pain is a 15", "100"; but "im 71", "highway 35" and "oxygen 98" are no pain."""
    return value <= _PLAIN_EXAGGERATION or value % 100 == 0


def _end_of_scale(place: int, scene: Scene) -> int:
    """Return the last place of "7 out of 10", "7 de 10", "7 / 10", "4 or 5", or `place`."""
    words = scene.words
    for length in (1, 2, 3):
        end = place + length
        if end >= len(words):
            break
        if words[end].text not in ("10", "ten", "diez"):
            continue
        between = tuple(word.text for word in words[place + 1 : end])
        if between in (("out", "of"), ("of",), ("de",), ("sobre",), ("out",), ("on", "a")):
            return end
        if not between and "/" in words[place].after:
            return end
    return place


def _scaled(place: int, end: int, scene: Scene) -> bool:
    return end > place or "/" in scene.words[place].text


def _excluded(place: int, end: int, scene: Scene) -> bool:
    """A unit after it, a clock or a count before it, or a cue that says it is no score."""
    words = scene.words
    following = end + 1
    if (
        following < len(words)
        and words[following].mark == 0
        and scene.satisfies(following, "not_pain_unit")
    ):
        return True
    return any(
        match.first <= place <= match.last
        and not any(words[at].mark for at in range(match.first + 1, match.last + 1))
        for match in scene.of(Role.SCORE_NO)
    )


def _reads_as_score(place: int, end: int, scene: Scene, asked: bool) -> bool:
    """Say whether the words around a number let it be a score.

    With a check-in open a number that opens the reply or a phrase is taken for the answer to it,
    and so is one that an article or "at" leads ("im at a 4 after the gym").
    """
    if _scaled(place, end, scene):
        return True
    before, after = place - 1, end + 1
    opens = before < 0 or scene.words[place].mark > 0
    leads = not opens and scene.satisfies(before, "before_score")
    if scene.words[place].text in _ONE and not leads and not (opens and _free(end, scene)):
        return opens and asked and scene.satisfies(after, "after_score")
    if _free(end, scene):
        return True
    if asked and (scene.satisfies(before, "pain") if before >= 0 else True):
        return True
    if asked and scene.words[after].text in ("when", "cuando"):
        return True
    if asked and (before < 0 or (leads and scene.satisfies(before, "opens_score"))):
        return True
    return (
        scene.satisfies(after, "after_score")
        and (opens or leads or scene.satisfies(before, "body"))
    ) or scene.satisfies(after, "pain_word")


def _free(end: int, scene: Scene) -> bool:
    """Nothing follows in the same phrase, so the number counts nothing."""
    return end + 1 >= len(scene.words) or scene.words[end + 1].mark > 0


def _pain_nearby(place: int, end: int, scene: Scene) -> bool:
    clauses = scene.layout.clauses
    return _scaled(place, end, scene) or any(
        scene.satisfies(near, "pain_word")
        or (near < place and place - near <= 3 and scene.words[near].text in _WOKE)
        for near in range(max(0, place - 6), min(len(scene.words), end + 5))
        if clauses[near] == clauses[place]
    )


def _reached(before: int, place: int, scene: Scene) -> bool:
    """Say whether the word before leads to where the score came to; "used to be" does not."""
    words = scene.words
    used = before > 0 and words[before - 1].text == "used"
    return before < place - 1 and words[before].text in _REACHED and not used


def _past(place: int, scene: Scene) -> bool:
    """ "was 7", "from 6 to", "de 8 a", "4 the other day": not now."""
    words, layout = scene.words, scene.layout
    phrase = layout.phrases[place]
    lowest = max(0, place - 5)
    for before in range(place - 1, lowest - 1, -1):
        if layout.phrases[before] != phrase or scene.satisfies(before, "now"):
            break
        if _is_number(before, scene) or _reached(before, place, scene):
            break
        if scene.satisfies(before, "past_score"):
            return True
    for after in range(place + 1, min(len(words), place + 5)):
        if layout.phrases[after] != phrase or scene.satisfies(after, "now"):
            break
        if _is_number(after, scene) or words[after].text in _LIKENED:
            break
        if scene.satisfies(after, "past_score_after"):
            return True
    return False


def _now(place: int, scene: Scene) -> bool:
    """ "a 2 today", "hoy 5": said to hold now, so the others do not."""
    near = [at for at in (place - 1, place + 1) if 0 <= at < len(scene.words)]
    return any(scene.satisfies(at, "now") and scene.words[max(at, place)].mark == 0 for at in near)


def _origin(place: int, scene: Scene) -> bool:
    """ "from 6", "8 to a 6", "compared with 7": where the score came from, if another stands."""
    onward = [place + 1, place + 2, place + 3]
    if any(at < len(scene.words) and scene.words[at].text in ("to", "a") for at in onward[:1]):
        return any(at < len(scene.words) and _is_number(at, scene) for at in onward[1:])
    return any(
        scene.satisfies(before, "origin")
        for before in range(max(0, place - 2), place)
        if scene.layout.phrases[before] == scene.layout.phrases[place]
    )
