"""Every route of the service, put together."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from service import __version__
from service.web import health, metrics
from service.web.api import flags, patients, sessions
from service.web.deps import WebParts
from service.web.errors import add_error_answers, described
from service.web.headers import SecurityHeaders
from service.web.pages.errors import add_error_pages
from service.web.pages.static_files import router as static_files
from service.web.requests import NamedRequests

_LARGEST_BODY = 1024 * 1024
"""Bytes; no session or note of a call comes near it."""


def build_site(parts: WebParts, *more: APIRouter) -> FastAPI:
    """Return the web application with `more` routes beside the API.

    The API's description is at `/api/v1/openapi.json`.
    """
    site = FastAPI(
        title="Aftercare",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    site.state.parts = parts
    api = APIRouter(
        prefix="/api/v1", max_body_size=_LARGEST_BODY, responses=described(401, 413, 422)
    )
    for part in (sessions, flags, patients):
        api.include_router(part.router)
    site.include_router(api)
    site.include_router(health.router)
    site.include_router(metrics.router)
    for router in more:
        site.include_router(router)
    site.include_router(static_files())
    add_error_answers(site)
    add_error_pages(site, parts.public_url)
    site.add_middleware(SecurityHeaders, public_url=parts.public_url)
    site.add_middleware(NamedRequests)
    return site
