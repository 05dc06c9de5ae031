"""The check-in page: eleven buttons, four signs and a free box; looking at it changes nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Response
from fastapi.responses import RedirectResponse

from service.domain.triage.ticks import SIGNS, PageAnswer
from service.pathway.links import Links
from service.pathway.page_answers import CheckInPage, CheckInState, answer_check_in, check_in_page
from service.pathway.rules import Rules
from service.web.deps import Db, Now
from service.web.pages.drawing import draw
from service.web.pages.forms import LARGEST_BODY, Words, is_too_long, own_page, tidy

Score = Annotated[int | None, Form(ge=0, le=10)]
Signs = Annotated[list[Literal["A", "B", "C", "D"]], Form(default_factory=list)]


def router(links: Links, rules: Rules) -> APIRouter:
    """Return the routes under `/c`; `rules` say how answers are read."""
    routes = APIRouter(prefix="/c", include_in_schema=False, max_body_size=LARGEST_BODY)
    ours = [Depends(own_page)]

    @routes.api_route("/{token}", methods=["GET", "HEAD"])
    def look(token: str, db: Db, now: Now) -> Response:
        page = check_in_page(db, links.message_of(token), now)
        return _drawn(page, token, PageAnswer())

    @routes.post("/{token}", dependencies=ours)
    def answer(
        token: str, db: Db, now: Now, signs: Signs, score: Score = None, words: Words = ""
    ) -> Response:
        message_id = links.message_of(token)
        chosen = tuple(letter for letter in SIGNS if letter in signs)
        given = PageAnswer(score, chosen, tidy(words))
        wrong = _wrong(given)
        if wrong:
            return _drawn(check_in_page(db, message_id, now), token, given, wrong=wrong)
        answer_check_in(db, message_id, given, rules, now)
        return RedirectResponse(f"/c/{token}", status_code=303)

    @routes.post("/{token}/tell", dependencies=ours)
    def tell(token: str, db: Db, now: Now, words: Words = "") -> Response:
        message_id = links.message_of(token)
        given = PageAnswer(words=tidy(words), asked=False)
        wrong = _wrong(given)
        if wrong:
            return _drawn(check_in_page(db, message_id, now), token, given, wrong=wrong)
        answer_check_in(db, message_id, given, rules, now)
        return RedirectResponse(f"/c/{token}", status_code=303)

    return routes


def _wrong(given: PageAnswer) -> str | None:
    """Name the line that says why nothing was sent, or None when all is well."""
    if given.is_empty:
        return "nothing_chosen"
    return "too_long" if is_too_long(given.words) else None


def _drawn(
    page: CheckInPage, token: str, given: PageAnswer, *, wrong: str | None = None
) -> Response:
    name = "check_in" if page.state is CheckInState.OPEN else "check_in_closed"
    return draw(
        name,
        page.shown,
        status=422 if wrong else 200,
        page=page,
        token=token,
        given=given,
        wrong=wrong,
        letters=SIGNS,
    )
