"""What a caller is told when something cannot be done: each error its status, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from service.pathway.callbacks import FlagAlreadyClosed, FlagNotFound, FlagOwnedBySomebodyElse
from service.pathway.corrections import AftercareEnded, EndTooFarAhead
from service.pathway.enrolment import NothingToCancel, SessionNotFound
from service.pathway.erasure import FlagsStillOpen
from service.pathway.stopping import PatientNotFound
from service.web.deps import NotAllowed, has_key
from service.web.requests import REQUEST_ID

_ANSWERS: dict[type[Exception], tuple[int, str | list[dict[str, str]]]] = {
    NotAllowed: (401, "Send a valid API key as `Authorization: Bearer <key>`."),
    SessionNotFound: (404, "There is no session with this id."),
    PatientNotFound: (404, "There is no patient with this id."),
    FlagNotFound: (404, "There is no flag with this id."),
    FlagOwnedBySomebodyElse: (409, "Somebody else has this flag."),
    FlagAlreadyClosed: (409, "This flag is closed already."),
    FlagsStillOpen: (
        409,
        "Somebody must still call this patient: record the call's outcome at "
        "`POST /api/v1/flags/{id}/calls`, or erase with `?force=true` and take the flags over.",
    ),
    NothingToCancel: (409, "This session's aftercare has ended already."),
    AftercareEnded: (409, "This session's aftercare has ended already: nothing of it can move."),
    EndTooFarAhead: (
        422,
        [{"field": "ended_at", "message": "is more than a day from now; check the date"}],
    ),
}


class Problem(BaseModel):
    """Why it was not done, and what to do about it."""

    detail: str


class WrongField(BaseModel):
    """A field of the request that cannot be taken as it is; the value is not repeated."""

    field: str
    message: str


class WrongInput(BaseModel):
    """What is wrong with the request; nothing was stored."""

    detail: list[WrongField]


DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""It does not answer, or not in time. Whoever asked may ask again: nothing was stored."""
_TRY_AGAIN_SECONDS = 10
_API = "/api/"
_log = structlog.get_logger()


_DESCRIBED: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No valid API key."},
    404: {"model": Problem, "description": "The clinic has no such record."},
    409: {"model": Problem, "description": "The record's state does not allow it."},
    413: {"description": "The request is larger than 1 MB.", "content": {"text/plain": {}}},
    422: {"model": WrongInput, "description": "A field cannot be taken as it is."},
}


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how the API's description tells of these errors."""
    return {status: _DESCRIBED[status] for status in statuses}


def add_error_answers(app: FastAPI) -> None:
    """Give every expected error its status and words; anything else stays a plain 500."""
    for kind, (status, words) in _ANSWERS.items():
        app.add_exception_handler(kind, _answer(status, words))
    app.add_exception_handler(RequestValidationError, _wrong_input)
    app.add_exception_handler(HTTPException, _unreadable_body)
    for kind in DATABASE_AWAY:
        app.add_exception_handler(kind, _database_away)
    app.add_exception_handler(Exception, _unforeseen)


def _answer(
    status: int, words: str | list[dict[str, str]]
) -> Callable[[Request, Exception], Response]:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None

    def handler(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": words}, status_code=status, headers=headers)

    return handler


_not_allowed = _answer(401, _ANSWERS[NotAllowed][1])


def _database_away(_request: Request, error: Exception) -> JSONResponse:
    _log.error("database_away", exc_info=error)
    return JSONResponse(
        {"detail": "The database does not answer; nothing was stored. Try again in a moment."},
        status_code=503,
        headers={"Retry-After": str(_TRY_AGAIN_SECONDS)},
    )


def _unforeseen(request: Request, _error: Exception) -> JSONResponse:
    """Say nothing of what went wrong but the request's id, by which the log tells more."""
    request_id = request.state.request_id
    return JSONResponse(
        {"detail": "Something went wrong; nothing was stored.", "request_id": request_id},
        status_code=500,
        headers={REQUEST_ID: request_id},
    )


async def _wrong_input(request: Request, error: Exception) -> Response:
    """Name each wrong field and what to do; the value itself is left out: it may be a patient's."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # narrows what FastAPI passes
    if any(found["type"] == "json_invalid" for found in error.errors()):
        return await _no_json(request)
    wrong = [
        {"field": _field(found), "message": found["msg"].removeprefix("Value error, ")}
        for found in error.errors()
    ]
    return JSONResponse({"detail": wrong}, status_code=422)


async def _unreadable_body(request: Request, error: Exception) -> Response:
    """Answer 400, which says only that the body is no text, like any other wrong input."""
    assert isinstance(error, HTTPException)  # noqa: S101  # narrows what Starlette passes
    if error.status_code != 400:
        return await http_exception_handler(request, error)
    return await _no_json(request)


async def _no_json(request: Request) -> Response:
    """Refuse a body, which is read before the key is asked for; who has none hears only that."""
    if request.url.path.startswith(_API) and not await run_in_threadpool(has_key, request):
        return _not_allowed(request, NotAllowed())
    wrong = [{"field": "body", "message": "is not JSON in UTF-8"}]
    return JSONResponse({"detail": wrong}, status_code=422)


def _field(found: dict[str, Any]) -> str:
    """Name a field as the caller wrote it, without the place (body, path, query) it came in."""
    place, *inside = found["loc"]
    return ".".join(str(part) for part in inside) or str(place)
