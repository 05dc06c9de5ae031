"""How a page is drawn: its template, its words in the patient's language, its one style sheet."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from service.domain.files import templates_folder
from service.domain.page_words import load_page_words
from service.domain.protocol import CURRENT_VERSION
from service.domain.values import Language
from service.pathway.page_answers import Shown
from service.web.pages.static_files import address_of


def draw(name: str, shown: Shown, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page with the clinic's name and number on it."""
    slots = {"clinic": shown.clinic, "phone": shown.phone}
    return _drawn(
        name, shown.language, shown.protocol_version, slots, status, values | {"shown": shown}
    )


def draw_error(request: Request, status: int) -> HTMLResponse:
    """Return a page that says what to do next; nobody knows which clinic's it would be."""
    return _drawn("error", preferred_language(request), CURRENT_VERSION, {}, status, {})


def preferred_language(request: Request) -> Language:
    """Return what the browser asks for first, of the languages that there are."""
    asked = request.headers.get("Accept-Language", "").lower()
    found = re.findall(r"\b(en|es)\b", asked)
    return Language(found[0]) if found else Language.EN


def _drawn(
    name: str,
    language: Language,
    version: int,
    slots: dict[str, str],
    status: int,
    values: dict[str, Any],
) -> HTMLResponse:
    def say(key: str, **more: object) -> str:
        known = slots | {slot: str(value) for slot, value in more.items()}
        return load_page_words(version).say(key, language, known)

    page = templates().get_template(f"pages/{name}.html")
    given = {"shown": None, "status": status} | values
    return HTMLResponse(page.render(say=say, language=language.value, **given), status)


def _form_field(token: str) -> Markup:
    """Return the hidden field that proves where a form was drawn."""
    return Markup('<input type="hidden" name="form_token" value="{}">').format(token)


@cache
def templates() -> Environment:
    """Return what every page is drawn with: escaped, and an undefined name is an error."""
    environment = Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["static"] = address_of
    environment.filters["dialled"] = partial(re.sub, r"[^0-9+]", "")
    environment.filters["form_field"] = _form_field
    environment.filters["in_fours"] = lambda key: " ".join(re.findall(".{1,4}", key))
    return environment
