"""What a page's form may send: from our own pages only, and no longer than can be read."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, HTTPException, Request

from service.pathway.page_answers import LONGEST_WORDS

LARGEST_BODY = 64 * 1024

Words = Annotated[str, Form()]


def own_page(request: Request) -> None:
    """Refuse a form that another site's page sends; the browser says where it came from.

    Older browsers do not: there the link's token is what no other site can know. `Origin` is
    `null` on our own pages, because they tell nobody where a request came from.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403)


def tidy(words: str) -> str:
    """Return the words as they were typed: forms send other line breaks."""
    return words.replace("\r\n", "\n").strip()


def is_too_long(words: str) -> bool:
    """Is this more than a page takes?"""
    return len(words) > LONGEST_WORDS
