"""Whether a denial reaches a finding: "no numbness", "numbness: none", "my arm is not numb"."""

from __future__ import annotations

from service.domain.triage.cues import Match, Scene
from service.domain.triage.normalise import WEAK
from service.domain.triage.rules import Role
from service.domain.values import Level

DENIED = "denied"
_REACH = 12
_REACH_EMERGENCY = 8


def denied(match: Match, scene: Scene, owned: frozenset[int] = frozenset()) -> str | None:
    """A denial that reaches the finding: before it, inside it, or as its answer."""
    if _excepted(match, scene):
        return None
    own = owned.union(match.places)
    if any(negative(place, scene) for place in own):
        # The cue has its own "no" ("no siento", "can't feel"); a second one does not undo it.
        return None
    if _denied_inside(match, scene, own):
        return DENIED
    if _answered_no(match, scene, own):
        return DENIED
    emergency = match.family.level is Level.EMERGENCY
    reach = _REACH_EMERGENCY if emergency else _REACH
    return DENIED if _denied_before(match, scene, reach, own) else None


def negative(place: int, scene: Scene) -> bool:
    """Say whether the word at `place` denies or says "cannot"."""
    return scene.satisfies(place, "negator") or scene.satisfies(place, "unable")


def _denied_inside(match: Match, scene: Scene, own: frozenset[int]) -> bool:
    """ "my arm is not numb"; but "twitching not an hour but all day" only denies the hour."""
    for place in range(match.first, match.last):
        if place in own or not _denies(place, scene) or scene.words[place + 1].mark > 0:
            continue
        following = min(own_place for own_place in match.places if own_place > place)
        if not scene.satisfies(following, "lasting"):
            return True
    return False


def _excepted(match: Match, scene: Scene) -> bool:
    """ "no dizziness, only when I look up": the exception is what matters."""
    return any(
        -6 <= cue.first - match.last <= 5
        and scene.layout.sentences[cue.first] - scene.layout.sentences[match.last] in (0, 1)
        for cue in scene.of(Role.EXCEPTION)
    )


def _denies(place: int, scene: Scene) -> bool:
    if not scene.satisfies(place, "negator"):
        return False
    following = place + 1
    # "not only", "no solo" assert what follows.
    return following >= len(scene.words) or not scene.satisfies(following, "only")


def _answered_no(match: Match, scene: Scene, own: frozenset[int]) -> bool:
    """ "numbness: none", "espasmos no, calambres no"."""
    after = match.last + 1
    if after >= len(scene.words) or after in own or not scene.satisfies(after, "negator_after"):
        return False
    asked = "?" in scene.words[match.last].after
    if scene.layout.sentences[after] != scene.layout.sentences[match.last] and not asked:
        return False
    following = after + 1
    if following < len(scene.words) and scene.words[following].text in ("hay", "tengo"):
        following += 1
    return following == len(scene.words) or scene.words[following].mark > 0


def _denied_before(match: Match, scene: Scene, reach: int, own: frozenset[int]) -> bool:
    """Walk back from the finding to a denial, as long as only a list or light words lie between."""
    symptoms = _symptom_places(match, scene)
    clause = scene.layout.clauses[match.first]
    comma = joined = False
    item = False
    for place in range(match.first - 1, max(-1, match.first - 1 - reach), -1):
        if scene.layout.clauses[place] != clause:
            return False
        following = scene.words[place + 1]
        if following.mark == WEAK:
            comma = True
        if place not in own and _denies(place, scene):
            if following.mark == WEAK:
                return False  # "No, my hand is numb"
            if joined or not (item or comma):
                return True
            # "no pain numb hand" are two statements; "no pain, numbness or chills" is a list.
            return scene.satisfies(place, "denier") or _list_goes_on(match, scene)
        if scene.satisfies(place, "connector"):
            joined = True
        elif scene.satisfies(place, "symptom"):
            item = True
        elif scene.satisfies(place, "light"):
            continue
        elif place in symptoms:
            item = True
        elif not scene.satisfies(place, "body"):
            return False
    return False


def _list_goes_on(match: Match, scene: Scene) -> bool:
    """Say whether an "or" closes the list the finding stands in."""
    clause = scene.layout.clauses[match.last]
    for place in range(match.last + 1, min(len(scene.words), match.last + 1 + _REACH)):
        if scene.layout.clauses[place] != clause:
            return False
        if scene.satisfies(place, "connector"):
            return True
        if not (scene.satisfies(place, "symptom") or scene.satisfies(place, "light")):
            return False
    return False


def _symptom_places(match: Match, scene: Scene) -> set[int]:
    return {
        place
        for other in scene.of(Role.FINDING, Role.EXPECTED, Role.WORRY)
        if other is not match
        for place in other.places
    }
