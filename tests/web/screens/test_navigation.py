"""Every place is in sight and in reach, on each size of screen, at 200 %, without script."""

from __future__ import annotations

import pytest

from tests.web.browsers import DESK, SMALL_PHONE, TABLET, ZOOMED

pytestmark = pytest.mark.slow

OUT_OF_SIGHT = """width => [...document.querySelectorAll('.places a, .who summary')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.left < 0 || box.right > width || box.height < 44 || box.height > 56;
}).map(one => one.textContent)"""

ROWS = """
  new Set([...document.querySelectorAll('.places a')].map(one => one.offsetTop)).size"""


def test_every_place_is_in_sight(chromium, house, admins_cookies):
    context = chromium.new_context(storage_state=admins_cookies, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{house.address}/waiting")

    seen = {}
    for size in (SMALL_PHONE, ZOOMED, TABLET, DESK):
        page.set_viewport_size(size)
        seen[size["width"]] = (page.evaluate(OUT_OF_SIGHT, size["width"]), page.evaluate(ROWS))
    for _ in range(3):  # past "skip to the page" and the clinic's name
        page.keyboard.press("Tab")
    reached = page.evaluate("document.activeElement.textContent")
    current = page.locator(".places [aria-current=page]").all_inner_texts()
    context.close()

    assert {width: hidden for width, (hidden, _) in seen.items() if hidden} == {}
    assert {width: rows for width, (_, rows) in seen.items() if width != 180} == dict.fromkeys(
        (360, 820, 1280), 1
    )
    assert current == ["Loose ends"]
    assert reached == "Today"
