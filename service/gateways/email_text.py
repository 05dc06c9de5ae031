"""What a patient wrote in an email, told apart from the email it answers."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# "On Tue, 3 Mar 2026 at 12:04, Bayou <care@bayou.example> wrote:", over two lines at most.
_WROTE = re.compile(
    r"^[ \t]*(?:On|El)\b[^\n]{3,200}(?:\n[^\n]{1,200})?\b(?:wrote|escribió) ?:[ \t]*$",
    re.MULTILINE,
)
_FORWARDED_AS_A_WHOLE = re.compile(
    r"^(?:-{2,} ?(?:Original Message|Mensaje original|Mensaje reenviado) ?-{2,}"
    r"|_{20,}"
    r"|(?:From|De): [^\n]+\n(?:Sent|Date|Enviado|Enviado el|Fecha): [^\n]+)",
    re.MULTILINE,
)
_SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
_NOT_SHOWN = frozenset({"script", "style", "head", "title"})
_OWN_LINE = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3"})


def own_words(text: str) -> str:
    """Return what was written for this email, without what it quotes; empty when that is all.

    Answers written between quoted lines are kept.
    """
    whole = text.replace("\r\n", "\n").replace("\xa0", " ").strip()
    rest = _before(_FORWARDED_AS_A_WHOLE, whole)
    rest = _without_the_quoted(rest)
    rest = _before(_SIGNATURE, rest)
    return re.sub(r"\n{3,}", "\n\n", rest).strip()


def words_of_html(html: str, *, quotes: bool = False) -> str:
    """Return the text of an HTML email; the blocks that mail programs quote in only if asked."""
    reader = _Reader(quotes=quotes)
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_the_quoted(text: str) -> str:
    head = _WROTE.search(text)
    if head is None:
        return _without_quoted_lines(text)
    before, after = text[: head.start()], text[head.end() :]
    if not any(line.startswith(">") for line in after.splitlines()):
        # Nothing marks where the quote ends, so it goes on to the end.
        return _without_quoted_lines(before)
    return _without_quoted_lines(f"{before}\n{after}")


def _without_quoted_lines(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(">"))


def _before(mark: re.Pattern[str], text: str) -> str:
    found = mark.search(text)
    return text if found is None else text[: found.start()]


class _Reader(HTMLParser):
    """Collects what is shown; what is quoted only when it is asked for."""

    def __init__(self, *, quotes: bool) -> None:
        super().__init__()
        self._quotes = quotes
        self.pieces: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.append(tag)
            return
        quoted = tag == "blockquote" or (tag == "div" and _is_quote(attrs))
        if tag in _NOT_SHOWN or (quoted and not self._quotes):
            self._hidden.append(tag)
        if quoted or tag in _OWN_LINE:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        elif not self._hidden and tag in _OWN_LINE:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data.replace("\n", " "))


def _is_quote(attrs: list[tuple[str, str | None]]) -> bool:
    return "gmail_quote" in (dict(attrs).get("class") or "")
