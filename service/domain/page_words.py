"""The words of the patient's pages in both languages: protocol data, checked when loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from service.domain.files import DataFileError, protocol_folder, read_table
from service.domain.protocol.editions import base_of
from service.domain.slots import fill, slots_in
from service.domain.values import Language
from service.domain.wording import UnknownText


@dataclass(frozen=True)
class PageWords:
    """Every line of the pages of one version of the protocol, as approved."""

    version: int
    by_language: Mapping[Language, Mapping[str, str]]

    def say(self, key: str, language: Language, slots: Mapping[str, str]) -> str:
        """Return a line with its slots filled; raises `UnknownText` or `MissingSlot`."""
        try:
            return fill(self.by_language[language][key], slots)
        except KeyError:
            raise UnknownText(key) from None


@cache
def load_page_words(version: int) -> PageWords:
    """Return the pages' words of one version of the protocol; raises `DataFileError`."""
    base = base_of(version)
    return read_page_words(protocol_folder(base), base)


def read_page_words(folder: Path, version: int) -> PageWords:
    """Read and check the files of every language; raises `DataFileError` naming what is wrong."""
    by_language = {}
    for language in Language:
        file = f"pages.{language.value}.yaml"
        table = read_table(folder / file)
        if (table.get("version"), table.get("language")) != (version, language.value):
            raise DataFileError(f"{file}: is not version {version} in {language.value!r}")
        by_language[language] = _lines(table.get("words"), file)
    _refuse_differences(by_language)
    return PageWords(version, by_language)


def _lines(words: object, file: str) -> dict[str, str]:
    if not isinstance(words, dict) or not words:
        raise DataFileError(f"{file}: words: needs named lines")
    for key, line in words.items():
        if not isinstance(line, str) or not line.strip():
            raise DataFileError(f"{file}: words.{key}: needs words")
    return words


def _refuse_differences(by_language: Mapping[Language, Mapping[str, str]]) -> None:
    """Every language must have the same lines with the same slots."""
    english = by_language[Language.EN]
    for language, words in by_language.items():
        file = f"pages.{language.value}.yaml"
        for key in sorted(english.keys() ^ words.keys()):
            raise DataFileError(f"{file}: words.{key}: is in one language only")
        for key, line in words.items():
            if slots_in(line) != slots_in(english[key]):
                raise DataFileError(f"{file}: words.{key}: has not the slots of the English line")
