"""What a caller is told when something cannot be done: each error its status, once."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from service.pathway.callbacks import FlagAlreadyClosed, FlagNotFound, FlagOwnedBySomebodyElse
from service.pathway.enrolment import NothingToCancel, SessionNotFound
from service.web.deps import NotAllowed

_ANSWERS: dict[type[Exception], tuple[int, str]] = {
    NotAllowed: (401, "Send a valid API key as `Authorization: Bearer <key>`."),
    SessionNotFound: (404, "There is no session with this id."),
    FlagNotFound: (404, "There is no flag with this id."),
    FlagOwnedBySomebodyElse: (409, "Somebody else has this flag."),
    FlagAlreadyClosed: (409, "This flag is closed already."),
    NothingToCancel: (409, "This session's aftercare has ended already."),
}


def add_error_answers(app: FastAPI) -> None:
    """Give every expected error its status and words; anything else stays a plain 500."""
    for kind, (status, words) in _ANSWERS.items():
        app.add_exception_handler(kind, _answer(status, words))
    app.add_exception_handler(RequestValidationError, _wrong_input)
    app.add_exception_handler(Exception, _answer(500, "Something went wrong; nothing was stored."))


def _answer(status: int, words: str) -> Any:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None

    def handler(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": words}, status_code=status, headers=headers)

    return handler


def _wrong_input(_request: Request, error: Exception) -> JSONResponse:
    """Name each wrong field and what to do; the value itself is left out: it may be a patient's."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # narrows what FastAPI passes
    wrong = [
        {
            "field": ".".join(str(part) for part in found["loc"] if part != "body") or "body",
            "message": found["msg"].removeprefix("Value error, "),
        }
        for found in error.errors()
    ]
    return JSONResponse({"detail": wrong}, status_code=422)
