"""Every place is in sight and in reach, on each size of screen, at 200 %, without script."""

from __future__ import annotations

import pytest

from tests.web.browsers import DESK, SMALL_PHONE, TABLET, ZOOMED

pytestmark = pytest.mark.slow

OUT_OF_SIGHT = """width => [...document.querySelectorAll('.places a, .who summary')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.left < 0 || box.right > width || box.height < 44 || box.height > 56;
}).map(one => one.textContent)"""


@pytest.mark.parametrize("viewport", [SMALL_PHONE, ZOOMED, TABLET, DESK], ids=lambda v: v["width"])
def test_every_place_is_in_sight(chromium, house, admins_cookies, viewport):
    context = chromium.new_context(
        viewport=viewport, storage_state=admins_cookies, java_script_enabled=False
    )
    page = context.new_page()
    page.goto(f"{house.address}/waiting")

    hidden = page.evaluate(OUT_OF_SIGHT, viewport["width"])
    rows = page.evaluate(
        "new Set([...document.querySelectorAll('.places a')].map(one => one.offsetTop)).size"
    )
    page.keyboard.press("Tab")  # skip to the page
    page.keyboard.press("Tab")  # the clinic's name
    page.keyboard.press("Tab")
    reached = page.evaluate("document.activeElement.textContent")
    current = page.locator(".places [aria-current=page]").all_inner_texts()
    context.close()

    assert hidden == []
    assert current == ["Loose ends"]
    assert reached == "Today"
    assert rows == 1 or viewport == ZOOMED
