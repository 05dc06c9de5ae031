"""The cue files a clinician signs: read, checked and made ready once."""

from __future__ import annotations

import gc
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from service.domain.triage.lexicon import Lexicon
from service.domain.triage.number_words import NUMBER_WORDS
from service.domain.triage.patterns import Cue, CueError, parse
from service.domain.triage.weights import Weights
from service.domain.values import Level

DATA = Path(__file__).parent / "data"


class Role(StrEnum):
    """What a family of cues does for the reading."""

    FINDING = "finding"
    """Says that a category holds."""
    EXPECTED = "expected"
    """Says that all goes as it should: the only way to `ok` besides the score."""
    WORRY = "worry"
    """Unclear by itself, but never `ok`: a person should look."""
    FIGURE = "figure"
    """A figure of speech or another sense of the words: findings inside it do not count."""
    OVER_AFTER = "over_after"
    """Follows a finding that is over: "gone now"."""
    OVER_BEFORE = "over_before"
    """Stands before a finding that is over: "no longer"."""
    STILL = "still"
    """Contradicts that a finding is over: "came back"."""
    EXCEPTION = "exception"
    """Takes a denial back: "only when I look up"."""
    AT_SESSION = "at_session"
    """Dates a finding to the session itself."""
    HYPOTHETICAL = "hypothetical"
    HISTORY = "history"
    OTHER = "other"
    """Somebody else is spoken of."""
    SPEAKER = "speaker"
    """Somebody else writes for the patient: "this is his mom"."""
    REPORTER = "reporter"
    """Somebody else saw it, the patient has it: "my wife says"."""
    SCORE_NO = "score_no"
    """A number here is no pain score."""
    OPT_OUT = "opt_out"
    DOUBTFUL_OPT_OUT = "doubtful_opt_out"
    THANKS = "thanks"
    NO_ANSWER = "no_answer"


class RulesError(ValueError):
    """The cue files cannot be used; says which family and why."""


@dataclass(frozen=True)
class Family:
    """Cues that mean one thing, as the clinician signs them."""

    key: str
    role: Role
    category: str
    level: Level
    source: str
    meaning: str
    cues: tuple[Cue, ...]
    hides: frozenset[str] = frozenset()
    """For figures of speech: the categories they hide; empty for all."""
    when: str = ""
    """What must be known besides for the finding to count in full: see `context`."""
    examples: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()


class Candidate(NamedTuple):
    """A cue that may stand in a reply, and which of its parts to look for first."""

    family: Family
    cue: Cue
    lead: int
    first: str
    """What the first word of the leading part must satisfy."""
    needs: frozenset[str]
    """What the reply must hold somewhere; asked first, because most cues fail on it."""


@dataclass(frozen=True)
class Rules:
    """One signed version of the rules, ready to read replies with."""

    version: str
    families: tuple[Family, ...]
    classes: Mapping[str, tuple[str, ...]]
    emoji: Mapping[str, str]
    lexicon: Lexicon = field(repr=False)
    index: Mapping[str, tuple[tuple[frozenset[str], Candidate], ...]] = field(repr=False)
    """For an atom the cues to try where it is present, each with what else it needs."""
    weights: Weights = field(default_factory=Weights, repr=False)
    """How worrying words are where no cue decides; see `worry`."""


CONTEXT_CLASSES = (
    "negator", "negator_after", "light", "connector", "symptom", "body", "self", "pain",
    "pain_word", "not_pain_unit", "number", "child", "pronoun", "only", "now", "person_subject",
    "unable", "before_score", "after_score", "past_score", "past_score_after", "origin", "sore",
    "needled", "opens_score", "lasting", "object_before", "emoji", "function", "denier",
    "recovered",
)  # fmt: skip
"""Classes the engine itself asks for, beside the cues."""


@cache
def load_rules(folder: Path = DATA) -> Rules:
    """Read and check the cue files of `folder`. Raises `RulesError`."""
    files = sorted(folder.glob("*.json"))
    raw = [path.read_bytes() for path in files]
    digest = hashlib.sha256(b"".join(raw)).hexdigest()[:8]
    try:
        with _no_collection():
            documents = [json.loads(data) for data in raw]
            return _rules(documents, digest)
    except (CueError, KeyError, TypeError, ValueError) as error:
        raise RulesError(f"{folder.name}: {error!r}") from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let the garbage collector rest: what is made here stays, and it would take a third longer."""
    rests = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if rests:
            gc.enable()


def _rules(documents: Iterable[dict[str, Any]], digest: str) -> Rules:
    classes: dict[str, tuple[str, ...]] = {}
    slips: dict[str, str] = {}
    emoji: dict[str, str] = {}
    plain: set[str] = set()
    families: list[Family] = []
    weights = Weights()
    version = "0"
    for document in documents:
        version = document.get("version", version)
        for name, members in document.get("words", {}).items():
            classes[name] = (*classes.get(name, ()), *members.split())
        for word, spellings in document.get("slips", {}).items():
            slips.update(dict.fromkeys(spellings.split(), word))
        emoji.update(document.get("emoji", {}))
        if "weights" in document:
            weights = Weights(document["bias"], document["weights"], document["category_weights"])
        plain.update(document.get("plain", "").split())
        families.extend(_family(entry) for entry in document.get("families", ()))
    atoms = {
        element.atom
        for family in families
        for cue in family.cues
        for part in cue.parts
        for element in part.elements
    }
    classes = {name: _expanded(name, classes) for name in classes}
    _check_classes(atoms, classes)
    lexicon = Lexicon(
        classes,
        sorted({*atoms, *(f"{{{name}}}" for name in CONTEXT_CLASSES)}),
        slips,
        {*plain, *NUMBER_WORDS},
        classes.get("often_misspelt", ()),
    )
    return Rules(
        version=f"{version}+{digest}",
        families=tuple(families),
        classes=classes,
        emoji=emoji,
        lexicon=lexicon,
        index=_index(families, classes),
        weights=weights,
    )


def _expanded(name: str, classes: Mapping[str, tuple[str, ...]], depth: int = 0) -> tuple[str, ...]:
    """Return the words of a class; `{limb}` inside it stands for all words of that class."""
    if depth > 4:
        raise RulesError(f"word class {name!r} contains itself")
    members: dict[str, None] = {}
    for member in classes[name]:
        inner = member[1:-1] if member.startswith("{") else None
        found = _expanded(inner, classes, depth + 1) if inner else (member,)
        members.update(dict.fromkeys(found))
    return tuple(members)


def _family(entry: dict[str, Any]) -> Family:
    role = Role(entry.get("role", "finding"))
    try:
        return Family(
            key=entry["key"],
            role=role,
            category=entry.get("category", ""),
            level=Level(entry.get("level", "ok")),
            source=entry["source"],
            meaning=entry["meaning"],
            cues=tuple(parse(cue) for cue in entry["cues"]),
            hides=frozenset(entry.get("hides", ())),
            when=entry.get("when", ""),
            examples=tuple(entry.get("examples", ())),
            near_misses=tuple(entry.get("near_misses", ())),
        )
    except (CueError, KeyError, ValueError) as error:
        raise RulesError(f"family {entry.get('key')!r}: {error}") from error


def _check_classes(atoms: Iterable[str], classes: Mapping[str, tuple[str, ...]]) -> None:
    for atom in atoms:
        for piece in atom.split("|"):
            if piece.startswith("{") and piece[1:-1] not in classes:
                raise RulesError(f"no word class {piece}")
    for name in CONTEXT_CLASSES:
        if name not in classes:
            raise RulesError(f"no word class {{{name}}}")


def _index(
    families: Iterable[Family], classes: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[frozenset[str], Candidate], ...]]:
    """For each atom the cues to try where it stands; a cue is kept under its rarest atom."""
    breadths = _Breadths(classes)
    candidates = [_candidate(family, cue, breadths) for family in families for cue in family.cues]
    uses = Counter(chain.from_iterable(candidate.needs for candidate in candidates))
    rarity = {atom: (count * breadths[atom], atom) for atom, count in uses.items()}
    index: dict[str, list[tuple[frozenset[str], Candidate]]] = {}
    for candidate in candidates:
        rarest = min(candidate.needs, key=rarity.__getitem__)
        index.setdefault(rarest, []).append((candidate.needs - {rarest}, candidate))
    return {atom: tuple(found) for atom, found in index.items()}


class _Breadths(dict[str, int]):
    """How many words satisfy an atom, looked up once each: there are thousands of cues."""

    def __init__(self, classes: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__()
        self._classes = classes

    def __missing__(self, atom: str) -> int:
        breadth = self[atom] = _breadth(atom, self._classes)
        return breadth


def _candidate(family: Family, cue: Cue, breadths: Mapping[str, int]) -> Candidate:
    parts = cue.parts
    lead = _lead(cue, breadths) if len(parts) > 1 else 0
    needs = frozenset(
        [element.atom for part in parts for element in part.elements if not element.optional]
    )
    return Candidate(family, cue, lead, parts[lead].elements[0].atom, needs)


def _lead(cue: Cue, breadths: Mapping[str, int]) -> int:
    sizes = [breadths[part.elements[0].atom] for part in cue.parts]
    return sizes.index(min(sizes))


def _breadth(atom: str, classes: Mapping[str, tuple[str, ...]]) -> int:
    if "{" not in atom and "|" not in atom:
        return 1
    return sum(
        len(classes[piece[1:-1]]) if piece.startswith("{") else 1 for piece in atom.split("|")
    )
