"""axe-core finds nothing on any page, by day on a phone and by night on a desk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from service.store.call_list import Which
from tests.make import NOON
from tests.web.browsers import DESK, SMALL_PHONE, ZOOMED
from tests.web.screens.clinic import ROWS
from tests.web.screens.house import House
from tests.web.staff.browsing import PASSWORD
from tests.web.staff.routes import ADMINS, BEFORE_SIGNING_IN, SIGNED_IN

pytestmark = pytest.mark.slow

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()

LOOK = """rules => axe.run(document, {resultTypes: ['violations'], ...rules}).then(found =>
  found.violations.flatMap(rule => rule.nodes.map(node =>
    [rule.id, node.target.join(' '), node.failureSummary].join(' | '))))"""
EVERY: dict[str, Any] = {}
AS_SEEN = {"runOnly": ["color-contrast", "link-in-text-block", "scrollable-region-focusable"]}
"""The rules that depend on theme and size; by the others the same page is the same."""
DRAWN = (("light", SMALL_PHONE, EVERY), ("dark", DESK, AS_SEEN))
TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  return wide > 0 ? [`${wide} px wider than ${innerWidth}`] : [];
}"""


PLANT = """main => {
  main.append(new Image());
  const faint = document.createElement('p');
  faint.textContent = 'faint';
  faint.style.cssText = 'color: #888; background: #777';
  main.prepend(faint);
}"""

NOT_WALKED = {
    ("GET", "/"),  # leads on
    ("GET", "/calls/events"),  # no page
    ("GET", "/reset/{token}"),  # the form of the invitation
    # The call list with fewer calls in it.
    *(("GET", f"/calls/{which.value}") for which in Which if which is not Which.EVERY),
}


class Walk:
    """One page from place to place; `wrong` gathers what stands in the way, `seen` where it was."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.wrong: list[str] = []
        self.seen: set[str] = set()

    def go(self, path: str) -> Page:
        """Open a page."""
        self.page.goto(self.address + path, wait_until="domcontentloaded")
        return self.page

    def look(self, name: str) -> list[str]:
        """Return what axe-core says of the page, and where it is wider than the screen."""
        page = self.page
        page.wait_for_load_state("load")  # Undressed it looks different.
        self.seen.add(urlsplit(page.url).path)
        found = []
        for scheme, size, rules in DRAWN:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            for one in page.evaluate(LOOK, rules) + page.evaluate(TOO_WIDE):
                found.append(f"{name}, {scheme}: {one}")
        page.set_viewport_size(ZOOMED)
        found += [f"{name}: {one}" for one in page.evaluate(TOO_WIDE)]
        self.wrong += found
        return found


def with_axe(chromium: Browser, **more: Any) -> BrowserContext:
    """Return a browser in which axe-core is beside every page, whose policy would keep it out."""
    # Without motion colours change at once.
    context = chromium.new_context(bypass_csp=True, reduced_motion="reduce", **more)
    context.set_default_timeout(10_000)
    context.add_init_script(AXE)
    return context


def unwalked(routes: set[tuple[str, str]], seen: set[str]) -> set[tuple[str, str]]:
    """Return the pages among these routes that nobody was on."""
    return {
        (method, route)
        for method, route in routes - NOT_WALKED
        if method == "GET"
        and not route.endswith(".csv")
        and not any(re.fullmatch(re.sub("{.*?}", "[^/]+", route), path) for path in seen)
    }


def work(walk: Walk) -> None:
    """What staff do that leads to pages of its own."""
    page = walk.go("/today/new")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_role("alert").wait_for()
    walk.look("card with mistakes")

    walk.go("/search").locator("#words").fill("Ana")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Ana").first.wait_for()
    walk.look("found")

    walk.go("/import").get_by_label("Or paste the rows").fill(ROWS)
    page.get_by_role("button", name="Look at the rows").click()
    page.get_by_role("heading", name="1 of 3 rows can be taken").wait_for()
    walk.look("rows")
    page.get_by_role("button", name="Enrol 1 visit").click()
    page.get_by_role("heading", name="1 visit enrolled").wait_for()
    walk.look("enrolled")


def begin(walk: Walk, house: House) -> None:
    """A colleague takes up the invitation, and signs in."""
    page = walk.go(house.everybodys["invitation"])
    key = page.locator(".key").text_content() or ""
    code = pyotp.TOTP(key.replace(" ", "")).at(NOON)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The six digits").fill(code)
    page.get_by_role("button", name="Make my account").click()
    page.get_by_role("heading", name="Your account is ready").wait_for()
    walk.look("recovery codes")
    walk.go("/sign-in").get_by_label("Email").fill("dana@bayou.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your code").wait_for()
    walk.look("code")


def answer(walk: Walk, house: House) -> None:
    """A check-in is answered with an emergency: the page that comes matters most of all."""
    page = walk.go(house.everybodys["check-in"])
    page.get_by_role("checkbox", name="Hard to breathe, or chest pain").check()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("heading", name="Please act now").wait_for()
    walk.look("answered")


def test_nothing_stands_in_staffs_way(chromium: Browser, house: House, admins_cookies: Any):
    context = with_axe(chromium, storage_state=admins_cookies)
    walk = Walk(context.new_page(), house.address)
    for name, path in house.staffs.items():
        walk.go(path)
        walk.look(name)
    for _, route in unwalked(SIGNED_IN | ADMINS, walk.seen):
        if "{" not in route:
            walk.go(route)
            walk.look(route)
    work(walk)
    context.close()

    assert "\n".join(walk.wrong) == ""
    assert unwalked(SIGNED_IN | ADMINS, walk.seen) == set()


def test_nothing_stands_in_anybodys_way(chromium: Browser, house: House, untouched: str):
    context = with_axe(chromium)
    first = Walk(context.new_page(), untouched)
    first.go("/set-up")
    first.look("set-up")
    walk = Walk(context.new_page(), house.address)
    for name, path in house.everybodys.items():
        walk.go(path)
        walk.look(name)
    answer(walk, house)
    begin(walk, house)
    wrong = first.wrong + walk.wrong
    walk.page.locator("main").evaluate(PLANT)
    planted = walk.look("planted")
    context.close()

    assert "\n".join(wrong) == ""
    assert unwalked(BEFORE_SIGNING_IN, first.seen | walk.seen) == set()
    # The look is worth something.
    assert sorted(one.partition(" | ")[0] for one in planted) == [
        "planted, dark: color-contrast",
        "planted, light: color-contrast",
        "planted, light: image-alt",
    ]
