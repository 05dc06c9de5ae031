"""A therapist enrols, an admin ends a call: by finger on each size, by keyboard, without script.

Taps are counted as a finger makes them; going to a field in order to type is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select

from service.domain.values import CallOutcome, FlagState
from service.store.engine import open_engine, open_sessions
from service.store.flags import Call, Flag
from service.store.secrets import Vault
from tests.conftest import SECRET
from tests.web.browsers import DESK, SMALL_PHONE, TABLET
from tests.web.screens.house import House

pytestmark = pytest.mark.slow

SIZES = pytest.mark.parametrize(
    "size", [SMALL_PHONE, TABLET, DESK], ids=["phone", "tablet", "desk"]
)
SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])

RETURNING = iter([("202 555 0126", "Maya"), ("202 555 0125", "Zara"), ("202 555 0124", "Eli"),
                  ("202 555 0123", "Owen"), ("202 555 0122", "Rosa"), ("202 555 0120", "Nina"),
                  ("202 555 0111", "Beth")])  # fmt: skip
NEW = count(10)


@pytest.fixture(scope="module")
def therapists(chromium: Browser, house: House) -> Any:
    """What the therapist's browser keeps."""
    return house.signed_in(chromium, house.tuesday.therapist.email)


class Finger:
    """One hand at a page; counts what it does."""

    def __init__(self, page: Page) -> None:
        self.page, self.taps = page, 0

    def tap(self, place: Locator) -> None:
        place.tap()
        self.taps += 1

    def type(self, label: str, words: str) -> None:
        field = self.page.get_by_label(label, exact=True)
        if not field.evaluate("one => one === document.activeElement"):
            self.tap(field)
        self.page.keyboard.type(words)

    def pick(self, name: str, value: str) -> None:
        self.tap(self.page.locator("label").filter(has=self.page.locator(
            f"input[name={name}][value='{value}']")))  # fmt: skip


@contextmanager
def a_hand(chromium: Browser, kept: Any, size: Any, *, script: bool = True) -> Iterator[Finger]:
    context = chromium.new_context(
        storage_state=kept, viewport=size, has_touch=True, java_script_enabled=script
    )
    context.set_default_timeout(10_000)
    try:
        yield Finger(context.new_page())
    finally:
        context.close()


def saved(page: Page, name: str) -> None:
    expect(page).to_have_url(re.compile(r"/patients/[0-9a-f-]{36}"))
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


@SCRIPT
@SIZES
def test_a_returning_patient_takes_ten_taps(chromium, house, therapists, size, script):
    phone, name = next(RETURNING)
    with a_hand(chromium, therapists, size, script=script) as hand:
        hand.page.goto(f"{house.address}/today/new")

        hand.type("Mobile number", phone)
        who = re.compile(f"^{name}") if script else "Look up"
        hand.tap(hand.page.get_by_role("button", name=who))
        expect(hand.page.get_by_text("Filled in from last time")).to_be_visible()
        hand.pick("pain", "5")
        hand.tap(hand.page.get_by_role("button", name="Save", exact=True))

        saved(hand.page, name)
    assert hand.taps <= 10


@pytest.mark.parametrize(
    ("size", "script"),
    [(SMALL_PHONE, True), (TABLET, False), (DESK, True)],
    ids=["phone", "tablet without script", "desk"],
)
def test_a_new_patient_takes_twenty_taps(chromium, house, therapists, size, script):
    with a_hand(chromium, therapists, size, script=script) as hand:
        hand.page.goto(f"{house.address}/today/new")

        hand.type("Mobile number", f"281 555 01{next(NEW)}")
        hand.type("First name", "Paula")
        hand.pick("language", "es")
        hand.pick("regions", "low_back")
        hand.pick("regions", "hip_glute")
        hand.pick("pain", "6")
        hand.pick("trigger_points", "high")
        hand.pick("plan", "heat")
        hand.pick("health_flags", "fluid_limit")
        hand.pick("consent_sms", "yes")
        hand.pick("consent_details", "yes")
        hand.tap(hand.page.get_by_role("button", name="Save", exact=True))

        saved(hand.page, "Paula")
    assert hand.taps <= 20


def test_a_card_is_filled_in_by_keyboard_alone(chromium, house, therapists):
    phone, name = next(RETURNING)
    with a_hand(chromium, therapists, DESK) as hand:
        page = hand.page
        page.goto(f"{house.address}/today/new")

        page.keyboard.type(phone)
        expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_be_visible()
        press(page, name)
        expect(page.get_by_text("Filled in from last time")).to_be_visible()
        reach(page, "pain")
        page.keyboard.press("ArrowRight")
        reach(page, "save")
        page.keyboard.press("Enter")

        saved(page, name)


def reach(page: Page, name: str) -> None:
    """Press Tab until a field of that name, or with that id, has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("name => [document.activeElement.name, document.activeElement.id]"
                         ".includes(name)", name):  # fmt: skip
            return
    raise AssertionError(f"the keyboard does not reach {name}")


@pytest.mark.parametrize(
    ("size", "script"),
    [(SMALL_PHONE, True), (TABLET, False), (DESK, True)],
    ids=["phone", "tablet without script", "desk"],
)
def test_a_call_is_taken_and_recorded_in_two_taps(chromium, house, admins_cookies, size, script):
    with a_hand(chromium, admins_cookies, size, script=script) as hand:
        hand.page.goto(f"{house.address}/calls")

        hand.tap(hand.page.get_by_role("button", name="Take and call").first)
        expect(hand.page.get_by_role("heading", name="How did it go?")).to_be_visible()
        flag_id = hand.page.url.rpartition("/")[2].partition("#")[0]
        hand.tap(hand.page.get_by_role("button", name="Gave advice"))

        expect(hand.page.get_by_text("Recorded for")).to_be_visible()
        expect(hand.page.locator(f"#call-{flag_id}")).to_have_count(0)
    assert hand.taps == 2
    assert calls_of(house, flag_id) == [(FlagState.CLOSED, CallOutcome.ADVISED)]


def test_a_call_is_recorded_by_keyboard_alone(chromium, house, admins_cookies):
    with a_hand(chromium, admins_cookies, DESK) as hand:
        page = hand.page
        page.goto(f"{house.address}/calls")

        press(page, "Take and call")
        expect(page.get_by_role("heading", name="How did it go?")).to_be_visible()
        flag_id = page.url.rpartition("/")[2].partition("#")[0]
        press(page, "Spoke with the patient")

        expect(page.get_by_text("Recorded for")).to_be_visible()
    assert calls_of(house, flag_id) == [(FlagState.CLOSED, CallOutcome.REACHED)]


def press(page: Page, words: str) -> None:
    """Press Tab until a button that begins so has the focus, then Enter."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(
            """words => {
              const one = document.activeElement;
              const said = one.getAttribute("aria-label") || one.textContent;
              return one.tagName === "BUTTON" && said.trim().startsWith(words);
            }""",
            words,
        ):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"the keyboard does not reach {words!r}")


def test_two_at_one_list_never_get_the_same_call(chromium, house, admins_cookies, therapists):
    with (
        a_hand(chromium, admins_cookies, DESK) as first,
        a_hand(chromium, therapists, TABLET) as second,
    ):
        for hand in (first, second):
            hand.page.goto(f"{house.address}/calls")
        path = first.page.locator("form[action$='/take']").first.get_attribute("action")

        for hand in (first, second):
            hand.tap(hand.page.locator(f"form[action='{path}'] button"))

        expect(first.page.get_by_role("heading", name="How did it go?")).to_be_visible()
        expect(second.page.get_by_text("took this first")).to_be_visible()
        first.tap(first.page.get_by_role("button", name="Booked a visit"))
        expect(first.page.get_by_text("Recorded for")).to_be_visible()
        second.tap(second.page.get_by_role("button", name="Gave advice"))
        expect(second.page.get_by_text("This call is done already")).to_be_visible()
    flag_id = path.split("/")[2]
    assert calls_of(house, flag_id) == [(FlagState.CLOSED, CallOutcome.BOOKED)]


def calls_of(house: House, flag_id: str) -> list[tuple[FlagState, CallOutcome]]:
    """Every call recorded for a flag, with the flag's state."""
    engine = open_engine(house.database_url, Vault([SECRET]))
    asked = select(Flag.state, Call.outcome).join(Call).where(Flag.id == UUID(flag_id))
    with open_sessions(engine)() as db:
        found = [(state, outcome) for state, outcome in db.execute(asked)]
    engine.dispose()
    return found
