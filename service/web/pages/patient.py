"""The patient's own page: what comes when, how to report a problem, and their own choices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from service.domain.values import Channel, Language
from service.pathway.links import Links
from service.pathway.patient_page import (
    OwnPage,
    address_of_way,
    change_channel,
    change_language,
    own_page_of,
    report,
)
from service.pathway.rules import Rules
from service.pathway.subscriptions import subscribe_again, unsubscribe
from service.web.deps import Db, Now
from service.web.pages.drawing import draw
from service.web.pages.forms import LARGEST_BODY, Words, is_too_long, own_page, tidy

Choice = Annotated[Channel, Form()]


def router(links: Links, rules: Rules) -> APIRouter:
    """Return the routes under `/p`; `rules` say how reports are read."""
    routes = APIRouter(prefix="/p", include_in_schema=False, max_body_size=LARGEST_BODY)
    ours = [Depends(own_page)]

    @routes.api_route("/{token}", methods=["GET", "HEAD"])
    def look(token: str, db: Db, now: Now) -> Response:
        return _drawn(own_page_of(db, links.patient_of(token), now), links, token)

    @routes.post("/{token}/tell", dependencies=ours)
    def tell(token: str, db: Db, now: Now, words: Words = "") -> Response:
        patient_id, said = links.patient_of(token), tidy(words)
        if not said or is_too_long(said):
            page = own_page_of(db, patient_id, now)
            wrong = "too_long" if said else "nothing_chosen"
            return _drawn(page, links, token, wrong=wrong, said=said)
        report(db, patient_id, said, rules, now)
        return _back(token)

    @routes.post("/{token}/language", dependencies=ours)
    def language(token: str, language: Annotated[Language, Form()], db: Db, now: Now) -> Response:
        change_language(db, links.patient_of(token), language, now)
        return _back(token)

    @routes.post("/{token}/channel", dependencies=ours)
    def channel(token: str, channel: Choice, db: Db, now: Now) -> Response:
        change_channel(db, links.patient_of(token), channel, now)
        return _back(token)

    @routes.post("/{token}/stop", dependencies=ours)
    def stop(token: str, channel: Choice, db: Db, now: Now) -> Response:
        unsubscribe(db, address_of_way(db, links.patient_of(token), channel), now)
        return _back(token)

    @routes.post("/{token}/start", dependencies=ours)
    def start(token: str, channel: Choice, db: Db, now: Now) -> Response:
        subscribe_again(db, address_of_way(db, links.patient_of(token), channel), now)
        return _back(token)

    return routes


def _back(token: str) -> Response:
    return RedirectResponse(f"/p/{token}", status_code=303)


def _drawn(
    page: OwnPage, links: Links, token: str, *, wrong: str | None = None, said: str = ""
) -> Response:
    checkin = links.check_in_path(page.open_checkin) if page.open_checkin else None
    return draw(
        "patient",
        page.shown,
        status=422 if wrong else 200,
        page=page,
        token=token,
        checkin=checkin,
        wrong=wrong,
        said=said,
        languages=list(Language),
    )
