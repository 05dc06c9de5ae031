"""The text messages: every approved wording in both languages, and how one becomes a body to send.

The words are data (`protocol/data/v1/texts.en.yaml`, `texts.es.yaml`), checked when loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from service.domain import gsm7
from service.domain.files import DataFileError, protocol_folder, read_table
from service.domain.protocol.editions import Changes, edition_of
from service.domain.slots import (
    CLINIC_SLOTS,
    LONGEST,
    SLOTS,
    MissingSlot,
    fill,
    slots_in,
    split_at_slots,
)
from service.domain.values import Language

MOST_SEGMENTS = 2

# One is kept free: an escape that would end the first segment moves to the second.
_MOST_SEPTETS = MOST_SEGMENTS * gsm7.PART - 1

_SHORTENED_FIRST = ("move", "clinic", "area")
"""What gives way when a body gets too long; a number to call or a time to wait for never does."""

_LEAST_KEPT = 8
"""Characters of a shortened value that always stay."""


class UnknownText(KeyError):
    """There is no text of this name."""


class SmsBody(NamedTuple):
    """A text message as it goes out, and what it takes."""

    text: str
    septets: int
    segments: int


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A text made ready to be filled often: folded, cut at its slots, its own septets counted."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    septets: int


@dataclass(frozen=True)
class Texts:
    """Every text of one version of the protocol, in each language, as approved: accents kept."""

    version: int
    by_language: Mapping[Language, Mapping[str, str]]
    patterns: Mapping[Language, Mapping[str, _Pattern]]

    @property
    def keys(self) -> frozenset[str]:
        """The name of every text; both languages have the same."""
        return frozenset(self.by_language[Language.EN])

    def get(self, key: str, language: Language) -> str:
        """Return the wording with its slots unfilled; raises `UnknownText`."""
        try:
            return self.by_language[language][key]
        except KeyError:
            raise UnknownText(key) from None


@cache
def load_texts(version: int) -> Texts:
    """Return the texts of one version; raises `DataFileError` and `UnknownEdition`."""
    edition = edition_of(version)
    if edition is not None:
        return changed_texts(load_texts(edition.base), edition.changes, version)
    return read_texts(protocol_folder(version), version)


def read_texts(folder: Path, version: int) -> Texts:
    """Read and check the files of every language; raises `DataFileError` naming what is wrong."""
    by_language = {}
    for language in Language:
        name = f"texts.{language.value}.yaml"
        table = read_table(folder / name)
        if (table.get("version"), table.get("language")) != (version, language.value):
            raise DataFileError(f"{name}: is not version {version} in {language.value!r}")
        by_language[language] = dict(_checked_rows(table, language, name))
    _refuse_differences(by_language)
    return _ready(by_language, version)


def changed_texts(base: Texts, changes: Changes, version: int) -> Texts:
    """Return the texts with an edition's own wordings, which `check_wording` has found good."""
    by_language = {
        language: {**texts, **changes.texts.get(language, {})}
        for language, texts in base.by_language.items()
    }
    return _ready(by_language, version)


def _ready(by_language: Mapping[Language, Mapping[str, str]], version: int) -> Texts:
    patterns = {
        language: {key: _pattern_of(text) for key, text in texts.items()}
        for language, texts in by_language.items()
    }
    return Texts(version, by_language, patterns)


def sms_body(texts: Texts, key: str, language: Language, slots: Mapping[str, str]) -> SmsBody:
    """Return the body to send: filled, within the alphabet, counted.

    Raises `UnknownText`, and `MissingSlot` also for a value of which nothing can be carried. Long
    values are shortened until two segments hold the body; only a phone number or a time that is
    itself absurdly long can make it longer, because a patient must get those whole.
    """
    try:
        pattern = texts.patterns[language][key]
    except KeyError:
        raise UnknownText(key) from None
    filled = [pattern.words[0]]
    total = pattern.septets
    for name, following in zip(pattern.names, pattern.words[1:], strict=True):
        value, size = _carried(slots.get(name, ""))
        if not size:
            raise MissingSlot(name)
        total += size
        filled += (value, following)
    if total > _MOST_SEPTETS:
        return _shortened(pattern, slots, total - _MOST_SEPTETS)
    body = "".join(filled)
    return SmsBody(body, total, 1 if total <= gsm7.SINGLE else gsm7.segments(body))


def check_wording(texts: Texts, key: str, language: Language, text: str) -> list[str]:
    """Return what keeps an edited wording from being saved, in plain words; empty when nothing.

    It must keep the slots of the text that it replaces: no more are filled, and none may be lost.
    Raises `UnknownText`.
    """
    needed = slots_in(texts.get(key, Language.EN))
    found = slots_in(text)
    unfilled = (found & SLOTS) - needed - CLINIC_SLOTS
    return [
        *_problems(text, language),
        *(f"{{{name}}} is not filled in this text" for name in sorted(unfilled)),
        *(f"{{{name}}} is missing" for name in sorted(needed - found)),
    ]


def longest_form(text: str, language: Language) -> str:
    """Return a text with every slot at its longest value, folded: what its length is judged by."""
    longest = {name: "x" * size for name, size in LONGEST[language].items()}
    return fill(gsm7.fold_for_sms(text), longest)


def _problems(text: str, language: Language) -> Iterable[str]:
    """What is wrong with a text whatever it is for."""
    if not text.strip():
        yield "the text is empty"
    unknown = sorted(slots_in(text) - SLOTS)
    yield from (f"{{{name}}} is not a slot" for name in unknown)
    if any(brace in words for words in split_at_slots(text)[0] for brace in "{}"):
        yield "a brace { } stands alone"
    outside = gsm7.characters_outside(gsm7.fold_for_sms(text))
    if outside:
        yield f"a text message cannot carry {' '.join(outside)}"
    if not unknown and not outside:
        needed = gsm7.segments(longest_form(text, language))
        if needed > MOST_SEGMENTS:
            yield f"it takes {needed} segments at its longest; {MOST_SEGMENTS} are allowed"


def _checked_rows(
    table: Mapping[str, Any], language: Language, file: str
) -> Iterable[tuple[str, str]]:
    rows = table.get("texts")
    if not isinstance(rows, dict) or not rows:
        raise DataFileError(f"{file}: texts: needs named texts")
    for key, row in rows.items():
        match row:
            case {"text": str(text), "at_most": int(at_most), **rest} if not rest:
                problems = [*_problems(text, language), *_too_long(text, language, at_most)]
            case _:
                problems = ["needs text and at_most, and nothing else"]
        if problems:
            raise DataFileError(f"{file}: texts.{key}: {'; '.join(problems)}")
        yield str(key), text


def _too_long(text: str, language: Language, at_most: int) -> Iterable[str]:
    if slots_in(text) <= SLOTS and not gsm7.characters_outside(gsm7.fold_for_sms(text)):
        length = gsm7.septets(longest_form(text, language))
        if length > at_most:
            yield f"takes {length} septets at its longest, not {at_most}"


def _refuse_differences(by_language: Mapping[Language, Mapping[str, str]]) -> None:
    """Every language must have the same texts with the same slots."""
    english = by_language[Language.EN]
    for language, texts in by_language.items():
        file = f"texts.{language.value}.yaml"
        for key in sorted(english.keys() ^ texts.keys()):
            raise DataFileError(f"{file}: texts.{key}: is in one language only")
        for key, text in texts.items():
            if slots_in(text) != slots_in(english[key]):
                raise DataFileError(f"{file}: texts.{key}: has not the slots of the English text")


def _pattern_of(text: str) -> _Pattern:
    words, names = split_at_slots(gsm7.fold_for_sms(text))
    return _Pattern(words, names, sum(gsm7.septets(part) for part in words))


@lru_cache(maxsize=4096)
def _carried(value: str) -> tuple[str, int]:
    """Return what a text message carries of a value, and its septets."""
    cleaned = gsm7.cleaned_for_sms(value)
    return cleaned, gsm7.septets(cleaned)


def _shortened(pattern: _Pattern, slots: Mapping[str, str], excess: int) -> SmsBody:
    values = {name: _carried(slots[name])[0] for name in pattern.names}
    for name in _SHORTENED_FIRST:
        if name in values and excess > 0:
            whole = values[name]
            values[name] = _cut(whole, gsm7.septets(whole) - excess)
            excess -= gsm7.septets(whole) - gsm7.septets(values[name])
    filled = [pattern.words[0]]
    for name, following in zip(pattern.names, pattern.words[1:], strict=True):
        filled += (values[name], following)
    body = "".join(filled)
    return SmsBody(body, gsm7.septets(body), gsm7.segments(body))


def _cut(value: str, most: int) -> str:
    """Shorten to `most` septets, at the end of a word where that leaves enough."""
    kept = value
    while gsm7.septets(kept) > most and len(kept) > _LEAST_KEPT:
        kept = kept[:-1]
    if len(kept) < len(value) and value[len(kept)] != " ":
        whole_words = kept.rpartition(" ")[0]
        kept = whole_words if len(whole_words) >= _LEAST_KEPT else kept
    return kept.rstrip(" ,;:-(")
