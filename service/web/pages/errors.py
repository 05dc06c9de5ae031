"""What people read in a browser when something is wrong: what happened, and what to do next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.pathway.enrolment import SessionNotFound
from service.pathway.invitations import LinkIsOver
from service.pathway.links import BadLink
from service.pathway.page_answers import LinkNamesNothing
from service.pathway.stopping import PatientNotFound
from service.web.errors import DATABASE_AWAY
from service.web.headers import security_headers
from service.web.pages.drawing import draw_error
from service.web.pages.staff import (
    ClinicNotChosen,
    ForeignForm,
    NotSignedIn,
    NotYourRole,
    draw_staff,
    to_clinics,
    to_sign_in,
)

_PAGES = ("/c/", "/u/", "/p/")
_NO_PAGES = ("/api", "/webhooks", "/sandbox", "/static", "/healthz", "/readyz", "/metrics")
_FOR_STAFF = {
    403: ("This is not for your role", "Ask an admin of your clinic to do it."),
    404: ("Nothing here", "It was moved, or it belongs to another clinic, or the link is wrong."),
    405: ("Nothing here", "This address takes no such request."),
    410: (
        "This link has ended",
        "It was used already, or it has run out. Ask an admin of your clinic for a new one.",
    ),
    413: ("Too much at once", "What was sent is larger than this page takes."),
    422: ("Something was not filled in", "Go back, look at each field and send it again."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("Something went wrong", "Nothing was stored. Please try again in a minute."),
    503: ("The database does not answer", "Nothing was stored. Please try again in a minute."),
}
_FOREIGN_FORM = (
    "Please send it again",
    "This page was open while you signed in or out, or for too long. Go back, load it again, and "
    "send it once more. Nothing was stored.",
)
_NOT_FOUND = (PatientNotFound, SessionNotFound)
_TOLD = (403, 404, 405, 410, 413, 422, 429, 500, 503)

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def add_error_pages(site: FastAPI, public_url: str) -> None:
    """Answer errors on patients' pages with pages; everywhere else what stood there stays."""
    site.add_exception_handler(NotSignedIn, lambda request, _: to_sign_in(request))
    site.add_exception_handler(ClinicNotChosen, lambda request, _: to_clinics(request))
    site.add_exception_handler(NotYourRole, lambda request, _: _for_staff(request, 403))
    site.add_exception_handler(LinkIsOver, lambda request, _: _for_staff(request, 410))
    site.add_exception_handler(
        ForeignForm, lambda request, _: _for_staff(request, 403, *_FOREIGN_FORM)
    )
    site.add_exception_handler(BadLink, lambda request, _: draw_error(request, 404))
    site.add_exception_handler(LinkNamesNothing, lambda request, _: draw_error(request, 410))
    for kind in (HTTPException, RequestValidationError, *_NOT_FOUND, *DATABASE_AWAY):
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
        if not request.url.path.startswith(_NO_PAGES) and _wants_page(request):
            return _for_staff(request, _status(error))
        response = before(request, error)
        return response if isinstance(response, Response) else await response

    return handle


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, _NOT_FOUND) or _names_nothing(error):
        return 404
    if isinstance(error, DATABASE_AWAY):
        return 503
    return 422 if isinstance(error, RequestValidationError) else 500


def _names_nothing(error: Exception) -> bool:
    """Is it an address with an id that none of ours looks like?"""
    return isinstance(error, RequestValidationError) and any(
        found["loc"][0] in ("path", "query") for found in error.errors()
    )


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _for_staff(request: Request, status: int, *told: str) -> Response:
    title, text = told or _FOR_STAFF.get(status, _FOR_STAFF[404])
    return draw_staff(request, "error", status=status, title=title, text=text)
