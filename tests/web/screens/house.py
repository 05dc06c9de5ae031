"""The lively clinic, open to real browsers: where each of its screens is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser

from service.app import reply_rules
from service.domain.protocol.editions import read_editions_with
from service.pathway.links import Links
from service.store.editions import editions_in
from service.store.engine import open_engine, open_sessions
from service.store.secrets import Vault
from service.web.deps import WebParts
from service.web.pages.check_in import router as check_in_pages
from service.web.pages.for_staff import staff_pages
from service.web.pages.patient import router as patient_pages
from service.web.pages.unsubscribe import router as unsubscribe_pages
from service.web.site import build_site
from tests.conftest import SECRET
from tests.make import NOON
from tests.web.browsers import served
from tests.web.screens.clinic import Tuesday, a_lively_clinic
from tests.web.staff.browsing import PASSWORD


@dataclass(frozen=True)
class House:
    """Where it is served, and what its pages are about."""

    address: str
    database_url: str
    tuesday: Tuesday
    links: Links

    @property
    def staffs(self) -> dict[str, str]:
        """The pages that an admin opens, by name."""
        ours = self.tuesday
        return {
            "today": "/today",
            "card": f"/today/new?patient={ours.patient_id}",
            "new-card": "/today/new",
            "import": "/import",
            "search": "/search",
            "patient": f"/patients/{ours.patient_id}",
            "session": f"/sessions/{ours.session_id}",
            "calls": "/calls",
            "call": f"/calls/{ours.flag_id}",
            "loose-ends": "/waiting",
            "insights": "/insights",
            "settings": "/settings",
            "clinic": "/settings/clinic",
            "on-call": "/settings/on-call",
            "staff": "/settings/staff",
            "api-keys": "/settings/api-keys",
            "sending": "/settings/sending",
            "protocol": "/settings/protocol",
            "draft": "/settings/protocol/draft",
            "dry-run": "/settings/protocol/draft/dry-run",
            "wordings": "/settings/protocol/texts",
            "wording": "/settings/protocol/texts/hydrate",
            "standing": "/how-are-we-doing",
            "account": "/account",
            "clinics": "/clinics",
            "not-found": f"/patients/{ours.clinic_id}",
        }

    @property
    def everybodys(self) -> dict[str, str]:
        """The pages that open without signing in, by name."""
        ours, links = self.tuesday, self.links
        return {
            "sign-in": "/sign-in",
            "forgotten": "/reset",
            "invitation": f"/invitation/{ours.invitation}",
            "wrong-invitation": "/invitation/none",
            "check-in": links.check_in_url(ours.checkin_id),
            "unsubscribe": links.unsubscribe_url(ours.address_id),
            "my-plan": links.patient_page_url(ours.patient_id),
            "wrong-link": "/c/none",
        }

    def signed_in(self, browser: Browser, email: str) -> Any:
        """Return what a browser keeps of somebody who has signed in."""
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{self.address}/sign-in")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        kept = context.storage_state()
        context.close()
        return kept


@contextmanager
def open_house(database_url: str, *, live: bool = False) -> Iterator[House]:
    """Fill the migrated, empty database and serve every page on it, at `NOON`."""
    engine = open_engine(database_url, Vault([SECRET]))
    read_editions_with(editions_in(engine))
    sessions, rules = open_sessions(engine), reply_rules()
    tuesday = a_lively_clinic(sessions)
    links = Links("", [SECRET])
    site = build_site(
        WebParts(engine, sessions, lambda: NOON, waive_second_factor=True),
        *staff_pages(live=live),
        check_in_pages(links, rules),
        unsubscribe_pages(links),
        patient_pages(links, rules),
    )
    try:
        with served(site) as address:
            yield House(address, database_url, tuesday, links)
    finally:
        engine.dispose()
