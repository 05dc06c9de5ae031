"""What people read in a browser when something is wrong: what happened, and what to do next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.pathway.links import BadLink
from service.pathway.page_answers import LinkNamesNothing
from service.web.headers import security_headers
from service.web.pages.drawing import draw_error

_PAGES = ("/c/", "/u/", "/p/")
_TOLD = (403, 404, 405, 410, 413, 422, 429, 500)

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def add_error_pages(site: FastAPI, public_url: str) -> None:
    """Answer errors on patients' pages with pages; everywhere else what stood there stays."""
    site.add_exception_handler(BadLink, lambda request, _: draw_error(request, 404))
    site.add_exception_handler(LinkNamesNothing, lambda request, _: draw_error(request, 410))
    for kind in (HTTPException, RequestValidationError):
        before: Handler = site.exception_handlers[kind]
        site.add_exception_handler(kind, _page_or(before))
    unforeseen: Handler = site.exception_handlers[Exception]

    async def broken(request: Request, error: Exception) -> Response:
        # This answer is made outside all that adds headers to the others.
        response = await _page_or(unforeseen)(request, error)
        response.headers.update(security_headers(public_url))
        return response

    site.add_exception_handler(Exception, broken)


def _page_or(before: Handler) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(_PAGES):
            status = _status(error)
            return draw_error(request, status if status in _TOLD else 404)
        response = before(request, error)
        return response if isinstance(response, Response) else await response

    return handle


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    return 422 if isinstance(error, RequestValidationError) else 500
