"""What pages are drawn with: the project's own files, and no others, kept by browsers for good."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from typing import NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from service.domain.files import templates_folder

_FILES = {
    "aftercare.css": "text/css",
    "staff.css": "text/css",
    "therapist.css": "text/css",
    "card.js": "text/javascript",
    "calls.css": "text/css",
    "insights.css": "text/css",
    "waiting.css": "text/css",
    "import.css": "text/css",
    "settings.css": "text/css",
    "settings.js": "text/javascript",
    "live.js": "text/javascript",
    "mark.svg": "image/svg+xml",
}
_ROBOTS = "User-agent: *\nDisallow: /\n"


class _File(NamedTuple):
    plain: bytes
    zipped: bytes
    digest: str


def router() -> APIRouter:
    """Return the routes of the files, and what keeps search engines away."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name}")
    def file(request: Request, name: str) -> Response:
        if name not in _FILES:
            raise HTTPException(404)
        # The address changes with the file, so that a browser may keep it.
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        content = _read(name).plain
        # Only files are sent zipped, never pages: how long one is would tell what it holds.
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            content, headers["Content-Encoding"] = _read(name).zipped, "gzip"
        return Response(content, media_type=_FILES[name], headers=headers)

    @routes.get("/robots.txt")
    def robots() -> Response:
        return PlainTextResponse(_ROBOTS)

    return routes


def address_of(name: str) -> str:
    """Return where a file is; another content has another address."""
    return f"/static/{name}?v={_read(name).digest}"


@cache
def _read(name: str) -> _File:
    plain = (templates_folder() / "static" / name).read_bytes()
    digest = hashlib.sha256(plain).hexdigest()[:12]
    return _File(plain, gzip.compress(plain, 9, mtime=0), digest)
