"""Is it alive, and able to work?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from service.store.pause import WHY, pause_of
from service.store.schema import is_current
from service.store.workers import BEATING, clock_problems, newest_beat
from service.web.deps import WebParts, get_parts

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not able to work; `problems` says why."}})
def ready(parts: Annotated[WebParts, Depends(get_parts)]) -> JSONResponse:
    """Able to work: the database answers at its version, and a worker ticked lately."""
    problems = _problems(parts)
    return JSONResponse(
        {"ready": not problems, "problems": problems}, status_code=503 if problems else 200
    )


def _problems(parts: WebParts) -> list[str]:
    try:
        if not is_current(parts.engine):
            return ["the database is not at the current version: run `aftercare migrate`"]
        oldest = parts.now() - BEATING * parts.speed
        with parts.sessions() as db:
            beat = newest_beat(db)
            clock = clock_problems(db, oldest)
            paused = [WHY] if pause_of(db) else []
    except SQLAlchemyError:
        return ["the database does not answer"]
    if beat is None or beat < oldest:
        return ["no worker has ticked for two minutes: start `aftercare worker`", *paused]
    return [*clock, *paused]
