"""The words that an HTML email shows, read in one pass however broken it is.

The standard library's parser looks through the rest of a page anew at each tag that does not end:
half a megabyte of them, which anybody may send, would keep it busy for minutes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_NOT_SHOWN = frozenset({"script", "style", "head", "title"})
_NO_TAGS_INSIDE = frozenset({"script", "style", "title"})
_OWN_LINE = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3"})
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_CLASS = re.compile(r"""\bclass\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_LONGEST_LOOK = 500
"""Characters of a tag in which its class is looked for."""


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    inside: str = ""
    ends: bool = False


_NO_TAG = _Tag("")


def shown_words(page: str, *, quotes: bool) -> str:
    """Return the words of a page, each block on a line; what is quoted only if `quotes`."""
    shown: list[str] = []
    hidden: list[str] = []
    for tag, words in _pieces(_without_comments(page)):
        _enter(tag, hidden, shown, quotes=quotes)
        if not hidden:
            shown.append(_unescaped(words).replace("\n", " "))
    return "".join(shown)


def _pieces(page: str) -> Iterator[tuple[_Tag, str]]:
    """Yield each tag with the words up to the next one; what only looks like a tag is words."""
    first, *rest = page.split("<")
    yield _NO_TAG, first
    for piece in rest:
        inside, closed, words = piece.partition(">")
        slash = inside.startswith("/")
        name = _NAME.match(inside, int(slash))
        if closed and name:
            yield _Tag(name.group().lower(), inside, slash), words
        elif closed and inside.startswith(("!", "?")):
            yield _NO_TAG, words
        else:
            yield _NO_TAG, f"<{piece}"


def _enter(tag: _Tag, hidden: list[str], shown: list[str], *, quotes: bool) -> None:
    """Begin or end what a tag begins or ends: something hidden, or a new line."""
    if hidden:
        if tag.name == hidden[-1] and tag.ends:
            hidden.pop()
        elif tag.name == hidden[-1] and tag.name not in _NO_TAGS_INSIDE:
            hidden.append(tag.name)
        return
    quoted = not tag.ends and _is_quote(tag)
    if quoted or tag.name in _OWN_LINE:
        shown.append("\n")
    if not tag.ends and (tag.name in _NOT_SHOWN or (quoted and not quotes)):
        hidden.append(tag.name)


def _is_quote(tag: _Tag) -> bool:
    if tag.name != "div":
        return tag.name == "blockquote"
    found = _CLASS.search(tag.inside[:_LONGEST_LOOK])
    return found is not None and "gmail_quote" in found.group(1)


def _without_comments(page: str) -> str:
    """Return a page without its comments; one without an end is none, so that no words are lost."""
    kept: list[str] = []
    at = 0
    while (begins := page.find("<!--", at)) >= 0 and (ends := page.find("-->", begins + 2)) >= 0:
        kept.append(page[at:begins])
        at = ends + 3
    return "".join([*kept, page[at:]])


def _unescaped(words: str) -> str:
    try:
        return html.unescape(words)
    except ValueError:  # A character's number of thousands of digits.
        return words
