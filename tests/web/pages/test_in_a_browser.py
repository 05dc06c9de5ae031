"""The patient's pages in a real browser: by keyboard, without script, on a small phone, in dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select

from service.app import reply_rules
from service.domain.values import Level
from service.store.flags import Flag
from service.store.replies import Reply
from service.web.deps import WebParts
from service.web.pages.check_in import router as check_in_pages
from service.web.pages.patient import router as patient_pages
from service.web.pages.unsubscribe import router as unsubscribe_pages
from service.web.site import build_site
from tests.web.browsers import SMALL_PHONE, ZOOMED, served
from tests.web.pages.conftest import LINKS

pytestmark = pytest.mark.slow


@pytest.fixture
def database_url(tmp_path, sqlite_template) -> str:
    """One database is enough: these tests are about the browser."""
    path = tmp_path / "aftercare.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def address(engine, sessions, clock) -> Iterator[str]:
    """Where the pages are served."""
    rules = reply_rules()
    site = build_site(
        WebParts(engine, sessions, clock),
        check_in_pages(LINKS, rules),
        unsubscribe_pages(LINKS),
        patient_pages(LINKS, rules),
    )
    with served(site) as address:
        yield address


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A small phone that runs no script."""
    context = chromium.new_context(viewport=SMALL_PHONE, java_script_enabled=False)
    yield context
    context.close()


def open_page(context: BrowserContext, url: str) -> tuple[Page, list[str]]:
    """A page, and all that the browser refused or could not load of it."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(url)
    return page, complaints


def test_a_check_in_is_answered_by_keyboard_alone_without_script(context, address, ana, sessions):
    page, complaints = open_page(context, address + ana.check_in)

    page.keyboard.press("Tab")  # skip to the page
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the second sign
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("since yesterday")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/*")

    assert page.get_by_role("heading", level=1).inner_text() == "We have your answer"
    assert "A therapist will call you by" in page.get_by_role("status").inner_text()
    assert complaints == []
    with sessions() as db:
        [reply] = db.scalars(select(Reply)).all()
        [flag] = db.scalars(select(Flag)).all()
    assert reply.body == "8/10\nsince yesterday\nB"
    assert flag.level is Level.URGENT


def test_a_screen_reader_hears_every_question_with_its_answers(context, address, ana):
    page, _ = open_page(context, address + ana.check_in)

    pain = page.get_by_role("group", name="How bad is your pain right now?")
    signs = page.get_by_role("group", name="Do you have any of these?")

    assert pain.get_by_role("radio").count() == 11
    assert pain.get_by_role("radio", name="10", exact=True).count() == 1
    assert signs.get_by_role("checkbox").count() == 4
    assert signs.get_by_role("checkbox", name="Hard to breathe, or chest pain").count() == 1
    assert page.get_by_role("textbox", name="Anything else? Use your own words.").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [SMALL_PHONE, ZOOMED], ids=["small phone", "at 200 %"])
@pytest.mark.parametrize("which", ["check_in", "unsubscribe", "own_page"])
def test_no_page_is_wider_than_the_phone(chromium, address, ana, viewport, scheme, which):
    context = chromium.new_context(viewport=viewport, color_scheme=scheme)
    page, complaints = open_page(context, address + getattr(ana, which))

    wide = page.evaluate("document.documentElement.scrollWidth")
    small = page.evaluate(
        "[...document.querySelectorAll('button, .scale-step, .tick, a.button')]"
        ".filter(one => one.getBoundingClientRect().height < 44).length"
    )
    context.close()

    assert wide <= viewport["width"]
    assert small == 0
    assert complaints == []


def test_messages_are_stopped_with_one_press(context, address, ana):
    page, complaints = open_page(context, address + ana.unsubscribe)

    page.get_by_role("button", name="Stop all messages").click()

    assert page.get_by_role("heading", level=1).inner_text() == "You are opted out"
    assert page.get_by_role("button", name="Start messages again").count() == 1
    assert complaints == []
