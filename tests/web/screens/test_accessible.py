"""axe-core finds nothing on any page, by day on a phone and by night on a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browsers import DESK, SMALL_PHONE, ZOOMED
from tests.web.screens.clinic import ROWS
from tests.web.screens.house import House

pytestmark = pytest.mark.slow

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()

LOOK = """() => axe.run(document, {resultTypes: ['violations']}).then(found =>
  found.violations.flatMap(rule => rule.nodes.map(node =>
    [rule.id, node.target.join(' '), node.failureSummary].join(' | '))))"""


DRAWN = (("light", SMALL_PHONE), ("dark", DESK))
TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  return wide > 0 ? [`${wide} px wider than ${innerWidth}`] : [];
}"""


def found_on(name: str, page: Page) -> list[str]:
    """Return what axe-core says is wrong with a page, and where it is wider than the screen."""
    page.evaluate(AXE)
    wrong = []
    for scheme, size in DRAWN:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        found = page.evaluate(LOOK) + page.evaluate(TOO_WIDE)
        wrong += [f"{name}, {scheme}: {one}" for one in found]
    page.set_viewport_size(ZOOMED)
    return [*wrong, *(f"{name}: {one}" for one in page.evaluate(TOO_WIDE))]


def save_an_empty_card(page: Page, address: str) -> None:
    page.goto(f"{address}/today/new")
    page.get_by_role("button", name="Save").first.click()


def search(page: Page, address: str) -> None:
    page.goto(f"{address}/search")
    page.locator("#words").fill("Ana")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Ana").first.wait_for()


def look_at_rows(page: Page, address: str) -> None:
    page.goto(f"{address}/import")
    page.get_by_label("Or paste the rows").fill(ROWS)
    page.get_by_role("button", name="Look at the rows").click()
    page.get_by_role("heading", name="1 of 3 rows can be taken").wait_for()


def answer(page: Page, url: str) -> None:
    """Answer a check-in with an emergency: the page that comes is the one that matters most."""
    page.goto(url)
    page.get_by_role("checkbox", name="Hard to breathe, or chest pain").check()
    page.get_by_role("button", name="Send").click()


def test_nothing_stands_in_anybodys_way(chromium: Browser, house: House, admins_cookies: Any):
    wrong = []
    for places, kept in ((house.staffs, admins_cookies), (house.everybodys, None)):
        # axe-core is no part of the page, whose policy would keep it out; colours change at once.
        context = chromium.new_context(storage_state=kept, bypass_csp=True, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(5000)
        for name, path in places.items():
            page.goto(house.address + path, wait_until="domcontentloaded")
            wrong += found_on(name, page)
        if kept:
            save_an_empty_card(page, house.address)
            wrong += found_on("card with mistakes", page)
            search(page, house.address)
            wrong += found_on("found", page)
            look_at_rows(page, house.address)
            wrong += found_on("rows", page)
            page.get_by_role("button", name="Enrol 1 visit").click()
            wrong += found_on("enrolled", page)
        else:
            answer(page, house.address + places["check-in"])
            wrong += found_on("answered", page)
            page.locator("main").evaluate("main => main.append(new Image())")
            planted = found_on("planted", page)
        context.close()

    assert "\n".join(wrong) == ""
    # The look is worth something: a picture without words was found in both.
    assert [one.partition(" | ")[0] for one in planted] == [
        "planted, light: image-alt",
        "planted, dark: image-alt",
    ]
