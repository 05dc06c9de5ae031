"""How what happens is written down: one line each, in ids and states, never a patient's words.

JSON where a machine reads, plain words in a terminal. Our own lines are written in ids. Libraries
and errors know no such care: a provider's client names the number it calls, a database error
its parameters. So of an error only its type and places are told, and of a library's line the
words only where they cannot speak of a patient.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

_SPOKEN = ("uvicorn.error", "apscheduler", "alembic")
"""Libraries whose words are about the service only."""
SILENT = ("twilio", "mail.log", "mail.debug", "aiohttp.access", "uvicorn.access")
"""They log parameters: numbers, addresses, texts, the tokens in patients' links."""
_DEEPEST = 6
"""Places of an error that are told, counted from where it happened."""
_log = structlog.get_logger()

Event = MutableMapping[str, Any]


def set_up_logs(stream: TextIO | None = None) -> None:
    """Write all that the service and its libraries log to `stream`, standard error if left out."""
    stream = stream or sys.stderr
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _errors_by_type_and_place,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(timestamp_key="at")
        if stream.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*first, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )
    _take_over_libraries(stream, first, last)
    warnings.showwarning = _warning_by_kind_and_place
    threading.excepthook = _thread_failed


def error_told(error: BaseException) -> dict[str, Any]:
    """Return what may be written down of an error: its type and places, and its cause's type."""
    told: dict[str, Any] = {
        "type": _name_of(type(error)),
        "places": [
            f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
        ],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        told["because"] = {"type": _name_of(type(cause))}
    return told


def _errors_by_type_and_place(_logger: object, _method: str, event: Event) -> Event:
    given = event.pop("exc_info", None)
    # The renderers would put in whole tracebacks, with the values in the errors' messages.
    event.pop("stack_info", None)
    if given is True:
        given = sys.exc_info()[1]
    if isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["error"] = error_told(given)
    return event


def _take_over_libraries(stream: TextIO, first: list[Processor], last: Processor) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_only_safe_words, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in SILENT:
        silent = logging.getLogger(name)
        silent.setLevel(logging.CRITICAL + 1)


def _only_safe_words(_logger: object, _method: str, event: Event) -> Event:
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    event["place"] = f"{_short(record.pathname)}:{record.lineno}"
    if not record.name.startswith(_SPOKEN):
        event["event"] = "library_message"
    return event


def _warning_by_kind_and_place(
    message: Warning | str,  # noqa: ARG001  # a library's words, which may speak of a patient
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001  # the standard library's signature
    line: str | None = None,  # noqa: ARG001
) -> None:
    _log.warning("warning", kind=_name_of(category), place=f"{_short(filename)}:{lineno}")


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else None
    _log.critical("thread_failed", thread=name, exc_info=failed.exc_value)


def _name_of(kind: type) -> str:
    plain = kind.__module__ == "builtins"
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


def _short(path: str) -> str:
    """Return the end of a path: the package and module, without the machine's folders."""
    return "/".join(Path(path).parts[-3:])
