"""One-click unsubscribing (RFC 8058): the same address for mail programs and for people."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from service.pathway.links import Links
from service.pathway.subscriptions import (
    SubscriptionPage,
    subscribe_again,
    subscription_page,
    unsubscribe,
)
from service.web.deps import Db, Now
from service.web.pages.drawing import draw
from service.web.pages.forms import LARGEST_BODY, own_page


def router(links: Links) -> APIRouter:
    """Return the routes under `/u`."""
    routes = APIRouter(prefix="/u", include_in_schema=False, max_body_size=LARGEST_BODY)

    @routes.api_route("/{token}", methods=["GET", "HEAD"])
    def look(token: str, db: Db) -> Response:
        return _drawn(subscription_page(db, links.address_of(token)), token)

    # Mail providers post this with any body, from anywhere: the token alone decides. The answer
    # is a page and no redirect, as the RFC asks.
    @routes.post("/{token}")
    def stop(token: str, db: Db, now: Now) -> Response:
        return _drawn(unsubscribe(db, links.address_of(token), now), token)

    @routes.post("/{token}/again", dependencies=[Depends(own_page)])
    def start(token: str, db: Db, now: Now) -> Response:
        page = subscribe_again(db, links.address_of(token), now)
        return _drawn(page, token, started=True)

    return routes


def _drawn(page: SubscriptionPage, token: str, *, started: bool = False) -> Response:
    return draw("unsubscribe", page.shown, page=page, token=token, started=started)
