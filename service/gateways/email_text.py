"""What a patient wrote in an email, told apart from the email it answers."""

from __future__ import annotations

import re

from service.gateways.html_words import shown_words

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
    shown = shown_words(html, quotes=quotes)
    lines = (" ".join(line.split()) for line in shown.split("\n"))
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
