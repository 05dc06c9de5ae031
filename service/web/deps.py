"""What every route may ask for: the database, the time, and who is calling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from service.domain.values import Channel
from service.store.clinics import Clinic, api_key_by_token, clinic_by_id
from service.store.engine import Sessions


class NotAllowed(Exception):
    """There is no valid API key in the request."""


@dataclass(frozen=True)
class WebParts:
    """What the web needs to work; given once by `service.app`."""

    engine: Engine
    sessions: Sessions
    now: Callable[[], datetime]
    speed: float = 1
    """Seconds of clinic time in a second; more than 1 only in the sandbox."""
    public_url: str = "http://127.0.0.1:8000"
    """What patients' browsers see; only under https are they asked to stay with it."""
    wall_clock: Callable[[], datetime] | None = None
    """What sign-ins and their codes live by; None: by `now`. In the sandbox `now` may be fast."""
    waive_second_factor: bool = False
    """True only in the sandbox, whose samples sign in with a password alone."""
    providers: Mapping[Channel, str] = field(default_factory=dict)
    """What messages go out through, in words; a channel that is absent is not set up."""


@dataclass(frozen=True)
class Caller:
    """Who is calling: one clinic's key, by the name it was given."""

    clinic_id: UUID
    name: str


def get_parts(request: Request) -> WebParts:
    """Return what `service.app` joined."""
    parts: WebParts = request.app.state.parts
    return parts


def get_db(parts: Annotated[WebParts, Depends(get_parts)]) -> Iterator[Session]:
    """One transaction for the request; committed before the answer leaves."""
    with parts.sessions.begin() as db:
        yield db


def get_now(parts: Annotated[WebParts, Depends(get_parts)]) -> datetime:
    """The moment of the request, aware UTC."""
    return parts.now()


def get_wall_now(parts: Annotated[WebParts, Depends(get_parts)]) -> datetime:
    """The moment of the request by the clock on the wall, aware UTC."""
    return (parts.wall_clock or parts.now)()


# scope="function": commit before the response leaves, so that "stored" means stored.
Db = Annotated[Session, Depends(get_db, scope="function")]
Now = Annotated[datetime, Depends(get_now)]
WallNow = Annotated[datetime, Depends(get_wall_now)]
Parts = Annotated[WebParts, Depends(get_parts)]

_bearer = HTTPBearer(auto_error=False, description="An API key of the clinic.")


def get_caller(
    db: Db, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Return whose key this is; raises `NotAllowed`."""
    key = api_key_by_token(db, given.credentials) if given else None
    if key is None:
        raise NotAllowed
    return Caller(clinic_id=key.clinic_id, name=key.name)


def has_key(request: Request) -> bool:
    """Is there a valid API key in the request? For what is refused before a caller is needed."""
    scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
    with get_parts(request).sessions() as db:
        return scheme.lower() == "bearer" and api_key_by_token(db, token) is not None


CallerKey = Annotated[Caller, Depends(get_caller, scope="function")]


def get_clinic(db: Db, caller: CallerKey) -> Clinic:
    """Return the caller's clinic."""
    clinic = clinic_by_id(db, caller.clinic_id)
    if clinic is None:
        raise NotAllowed
    return clinic


CallerClinic = Annotated[Clinic, Depends(get_clinic, scope="function")]
