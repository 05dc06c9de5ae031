"""Takes the pictures in `docs/`: every screen of an invented clinic, by day and by night.

`make screenshots` runs it; nothing of it is random but ids, which no screen shows.
"""

from __future__ import annotations

import base64
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from playwright.sync_api import Browser, Page, sync_playwright

from service.store.engine import open_engine
from service.store.schema import migrate
from service.store.secrets import Vault
from tests.conftest import SECRET
from tests.web.browsers import DESK, SMALL_PHONE, SWITCHES, installed_chromium
from tests.web.screens.clinic import ROWS
from tests.web.screens.house import House, open_house

DOCS = Path(__file__).parents[3] / "docs"
IMAGES = DOCS / "images"
PHONE = {"width": 390, "height": 844}
QUALITY = 68


def _nothing(page: Page) -> None:
    """Look at the page as it opens."""


def _pain(page: Page) -> None:
    pain = page.locator("input[name=pain][value='6']")
    with page.expect_response("**/today/new/texts"):
        page.locator("label").filter(has=pain).click()
    page.evaluate("scrollTo(0, 0)")


def _find(page: Page) -> None:
    page.locator("#words").fill("Ana")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Ana").first.wait_for()


def _rows(page: Page) -> None:
    page.get_by_label("Or paste the rows").fill(ROWS)
    page.get_by_role("button", name="Look at the rows").click()
    page.get_by_role("heading", name="rows can be taken").wait_for()


def _breathless(page: Page) -> None:
    page.get_by_role("checkbox", name="Hard to breathe, or chest pain").check()
    page.get_by_role("button", name="Send").click()
    page.get_by_role("status").first.wait_for()


@dataclass(frozen=True)
class Screen:
    """A place of the house, what is done there first, and what the docs say of it."""

    name: str
    place: str
    says: str
    before: Callable[[Page], None] = _nothing
    small: bool = False
    """For a patient's phone, not for a desk."""


SCREENS = (
    Screen("today", "today", "Today: who was treated, what came back, what goes out next"),
    Screen("card", "card", "The card of a returning patient, the texts beside it", _pain),
    Screen("search", "search", "Finding a patient by name or number", _find),
    Screen("patient", "patient", "A patient: consents, opt-outs, sessions"),
    Screen("session", "session", "A session's timeline: each message, reply, flag and call"),
    Screen("import", "import", "Importing visits: a file, or pasted rows"),
    Screen("import-rows", "import", "What would become of each row; nothing is stored yet", _rows),
    Screen("calls", "calls", "The call list: most urgent first, in the patient's words"),
    Screen("call", "call", "A call's sheet: what was said, what to ask, how it went"),
    Screen("loose-ends", "loose-ends", "Loose ends, each with what to do about it"),
    Screen("insights", "insights", "Insights: how aftercare went, in figures"),
    Screen("standing", "standing", "How are we doing: what runs, what is late"),
    Screen("settings", "settings", "Settings: how the clinic stands, and where to change it"),
    Screen("clinic", "clinic", "The clinic's hours and holidays"),
    Screen("on-call", "on-call", "Who is told of a flag, in which order"),
    Screen("api-keys", "api-keys", "API keys"),
    Screen("sending", "sending", "What texts and emails go out by, with a test"),
    Screen("protocol", "protocol", "The protocol: which message when"),
    Screen("draft", "draft", "A draft of the clinic's own: tips, scores, wordings"),
    Screen("dry-run", "dry-run", "What the draft would have meant, and its approval"),
    Screen("wording", "wording", "A text in both languages, with its length"),
    Screen("account", "account", "One's own account"),
    Screen("sign-in", "sign-in", "Signing in"),
    Screen("invitation", "invitation", "A colleague begins: password and authenticator app"),
    Screen("check-in", "check-in", "The check-in, from the link in an email", small=True),
    Screen("emergency", "check-in", "What an emergency is answered with", _breathless, small=True),
    Screen("my-plan", "my-plan", "The patient's own page", small=True),
    Screen("unsubscribe", "unsubscribe", "Stopping messages with one press", small=True),
)

ON_A_PHONE = ("today", "card", "calls", "call")
"""Staff's screens that are shown small as well."""

BEST = {
    "best-calls": (("calls", "light"), ("call-phone", "dark")),
    "best-card": (("card", "light"), ("card-phone", "dark")),
    "best-patients": (("check-in", "light"), ("emergency", "light"), ("my-plan", "dark")),
}
"""Pictures for the README, each of several."""


def main() -> None:
    """Take all of them anew."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed_chromium(), args=[*SWITCHES, "--hide-scrollbars"]
        )
        # A fresh clinic for each theme: an answer or an import changes it.
        for scheme in ("light", "dark"):
            url = f"sqlite:///{folder}/{scheme}.db"
            engine = open_engine(url, Vault([SECRET]))
            migrate(engine)
            engine.dispose()
            with open_house(url, live=True) as house:
                _take(browser, house, scheme)
        _put_together(browser)
        browser.close()
    (DOCS / "screens.md").write_text(_page())


def _take(browser: Browser, house: House, scheme: str) -> None:
    places = house.staffs | house.everybodys
    kept = house.signed_in(browser, house.tuesday.admin.email)
    for screen in SCREENS:
        sizes = {"": PHONE if screen.small else DESK}
        if screen.name in ON_A_PHONE:
            sizes["-phone"] = SMALL_PHONE
        for suffix, size in sizes.items():
            context = browser.new_context(
                viewport=size,
                color_scheme=scheme,
                storage_state=kept if screen.place in house.staffs else None,
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(house.address + places[screen.place], wait_until="load")
            screen.before(page)
            if screen.place == "calls":
                page.get_by_text("Live", exact=True).wait_for()
            page.evaluate("document.activeElement.blur()")
            _save(page, IMAGES / f"{screen.name}{suffix}-{scheme}.webp")
            context.close()


def _save(page: Page, path: Path, **more: Any) -> None:
    chrome = page.context.new_cdp_session(page)
    given = {"format": "webp", "quality": QUALITY, "optimizeForSpeed": False} | more
    path.write_bytes(base64.b64decode(chrome.send("Page.captureScreenshot", given)["data"]))


def _put_together(browser: Browser) -> None:
    """Lay pictures beside each other, as on a table."""
    for name, parts in BEST.items():
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        images = "".join(
            f'<img src="data:image/webp;base64,{_encoded(f"{one}-{scheme}")}">'
            for one, scheme in parts
        )
        page.set_content(
            "<style>body{margin:0;width:max-content;display:flex;gap:32px;padding:24px;"
            "align-items:center;background:#8fa5a0}img{border-radius:12px;max-height:820px}</style>"
            + images
        )
        box = page.evaluate("[document.body.offsetWidth, document.body.offsetHeight]")
        page.set_viewport_size({"width": box[0], "height": box[1]})
        _save(page, IMAGES / f"{name}.webp")
        page.close()


def _encoded(name: str) -> str:
    return base64.b64encode((IMAGES / f"{name}.webp").read_bytes()).decode()


def _page() -> str:
    lines = [
        "# Every screen, by day and by night",
        "",
        "An invented clinic on a Tuesday at noon. `make screenshots` takes these pictures anew.",
        "",
    ]
    for screen in SCREENS:
        names = [screen.name] + [f"{screen.name}-phone"] * (screen.name in ON_A_PHONE)
        lines += [f"## {screen.says}", ""]
        for name in names:
            width = 300 if screen.small or name.endswith("-phone") else 440
            lines += [
                " ".join(
                    f'<img src="images/{name}-{scheme}.webp" width="{width}" '
                    f'alt="{screen.says}, {"by day" if scheme == "light" else "by night"}">'
                    for scheme in ("light", "dark")
                ),
                "",
            ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
