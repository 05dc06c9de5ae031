"""The sandbox's pages: read what patients get, and answer as the patient. Never in live use."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service.domain.files import templates_folder
from service.sandbox.mail_answers import MailAnswers
from service.sandbox.mailbox import Mail, Mailbox
from service.sandbox.phone_cards import as_written, linked, moment_words, newest_first
from service.sandbox.phone_network import PhoneNetwork

_NUMBER = r"^\+[1-9]\d{6,14}$"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# An email is somebody else's page: no script, nothing fetched, links open a page of their own.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_FILES = {"sandbox.css": "text/css", "sandbox.js": "text/javascript"}
_FASTEST_REFRESH = 2

Number = Annotated[str, Path(pattern=_NUMBER)]
FormNumber = Annotated[str, Form(pattern=_NUMBER)]
Words = Annotated[str, Form(max_length=1600)]


def router(
    network: PhoneNetwork,
    mailbox: Mailbox,
    clock: Callable[[], datetime],
    zone: tzinfo = UTC,
    answers: MailAnswers | None = None,
) -> APIRouter:
    """Return the pages under `/sandbox`; times are shown in `zone`.

    Without `answers` emails can be read only.
    """
    routes = APIRouter(prefix="/sandbox", include_in_schema=False)
    pages = _Pages(mailbox, clock, zone)
    _add_phones(routes, network, pages)
    _add_mailboxes(routes, mailbox, pages, answers)

    @routes.get("/files/{name}")
    def file(name: str) -> Response:
        if name not in _FILES:
            raise HTTPException(404)
        return FileResponse(templates_folder() / "sandbox" / name, media_type=_FILES[name])

    return routes


class _Pages:
    """Draws a page with what every page shows."""

    def __init__(self, mailbox: Mailbox, clock: Callable[[], datetime], zone: tzinfo) -> None:
        self.zone = zone
        self._mailbox = mailbox
        self._clock = clock
        self._templates = Environment(
            loader=FileSystemLoader(templates_folder()),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
        )
        self._templates.filters["linked"] = linked
        self._templates.filters["as_written"] = as_written
        self._templates.filters["moment"] = lambda moment: moment_words(moment, zone)

    def draw(self, request: Request, name: str, **shown: object) -> HTMLResponse:
        page = self._templates.get_template(f"sandbox/{name}").render(
            now=self._clock(),
            zone=self._clock().astimezone(self.zone).tzname(),
            mail_count=len(self._mailbox.mails()),
            every=_refresh_asked(request),
            path=request.url.path,
            **shown,
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})


def _add_phones(routes: APIRouter, network: PhoneNetwork, pages: _Pages) -> None:
    @routes.get("")
    def phones(request: Request) -> HTMLResponse:
        cards = newest_first(network.phones(), pages.zone)
        clinics = sorted({clinic for card in cards for clinic in card.clinics})
        return pages.draw(request, "phones.html", cards=cards, clinics=clinics)

    @routes.post("/phones/{number}/reply", dependencies=[Depends(_own_page)])
    def reply(
        number: Number,
        clinic: FormNumber,
        body: Words = "",
        photo: Annotated[bool, Form()] = False,
    ) -> RedirectResponse:
        if body.strip() or photo:
            network.inbound(number, clinic, _plain_lines(body), photos=int(photo))
        return _back_to(number)

    @routes.post("/phones", dependencies=[Depends(_own_page)])
    def first_text(
        number: Annotated[str, Form(max_length=40)], clinic: FormNumber, body: Words
    ) -> RedirectResponse:
        tidy = re.sub(r"[\s().-]", "", number)
        if not re.fullmatch(_NUMBER, tidy):
            raise HTTPException(422, "Write the number with its country: +12815550123")
        network.inbound(tidy, clinic, _plain_lines(body))
        return _back_to(tidy)

    @routes.post("/phones/{number}/power", dependencies=[Depends(_own_page)])
    def power(number: Number, on: Annotated[bool, Form()]) -> RedirectResponse:
        network.switch(number, on=on)
        return _back_to(number)


def _add_mailboxes(
    routes: APIRouter, mailbox: Mailbox, pages: _Pages, answers: MailAnswers | None
) -> None:
    @routes.get("/mail")
    def mailboxes(request: Request) -> HTMLResponse:
        def owner(mail: Mail) -> str:
            return mail.recipient.lower()

        mails = sorted(mailbox.mails(), key=owner)
        boxes = [(name, list(theirs)) for name, theirs in groupby(mails, key=owner)]
        boxes.sort(key=lambda box: box[1][0].id, reverse=True)
        return pages.draw(request, "mailboxes.html", boxes=boxes)

    @routes.get("/mail/{mail_id}")
    def mail(request: Request, mail_id: int) -> HTMLResponse:
        mail = _found(mailbox, mail_id)
        given = answers.to(mail) if answers else []
        return pages.draw(
            request, "mail.html", mail=mail, answers=given, may_answer=answers is not None
        )

    @routes.post("/mail/{mail_id}/answer", dependencies=[Depends(_own_page)])
    def answer(mail_id: int, body: Words = "") -> RedirectResponse:
        if answers is None:
            raise HTTPException(404)
        mail = _found(mailbox, mail_id)
        if body.strip():
            answers.write(mail, _plain_lines(body))
        return RedirectResponse(f"/sandbox/mail/{mail_id}#answers", status_code=303)

    @routes.get("/mail/{mail_id}/html")
    def mail_html(mail_id: int) -> HTMLResponse:
        html = _found(mailbox, mail_id).html
        if html is None:
            raise HTTPException(404)
        # A link in the frame would be shown in the frame, where no page of ours lets itself be.
        page = f'<base target="_blank">{html}'
        return HTMLResponse(page, headers={"Content-Security-Policy": _MAIL_POLICY})


def _plain_lines(body: str) -> str:
    """Undo what forms do to line breaks; a phone does not."""
    return body.replace("\r\n", "\n")


def _own_page(request: Request) -> None:
    """Refuse a form that another website sends; browsers say where a request came from."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403)


def _found(mailbox: Mailbox, mail_id: int) -> Mail:
    mail = mailbox.mail(mail_id)
    if mail is None:
        raise HTTPException(404)
    return mail


def _refresh_asked(request: Request) -> int | None:
    asked = request.query_params.get("every", "")
    if not asked.isdecimal() or len(asked) > 4:
        return None
    return max(int(asked), _FASTEST_REFRESH)


def _back_to(number: str) -> RedirectResponse:
    return RedirectResponse(f"/sandbox#phone-{quote(number.lstrip('+'))}", status_code=303)
