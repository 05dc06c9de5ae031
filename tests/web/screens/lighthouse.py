"""Measures the screens that must be quick on a slow phone with Lighthouse, which is not ours.

`make lighthouse` runs it; it needs Node and `npm install --global lighthouse`. The figures are in
`docs/lighthouse.md`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from service.store.engine import open_engine
from service.store.schema import migrate
from service.store.secrets import Vault
from tests.conftest import SECRET
from tests.web.browsers import SWITCHES, installed_chromium
from tests.web.screens.house import House, open_house

SCREENS = ("check-in", "my-plan", "unsubscribe", "sign-in", "card", "today", "calls", "call")
CATEGORIES = ("performance", "accessibility", "best-practices")
AUDITS = ("first-contentful-paint", "largest-contentful-paint", "cumulative-layout-shift")


def main() -> None:
    """Print a row for each screen: scores of 100, seconds, shift, kilobytes."""
    lighthouse = shutil.which("lighthouse")
    if lighthouse is None:
        sys.exit("Lighthouse is missing: npm install --global lighthouse")
    print("| screen |", " | ".join((*CATEGORIES, *AUDITS)), "| KB |")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/house.db"
        engine = open_engine(url, Vault([SECRET]))
        migrate(engine)
        engine.dispose()
        with open_house(url, live=True) as house:
            headers = Path(folder) / "headers.json"
            headers.write_text(json.dumps({"Cookie": _cookies(house)}))
            for screen in SCREENS:
                place = (house.staffs | house.everybodys)[screen]
                _print(screen, _look(lighthouse, house.address + place, headers))


def _cookies(house: House) -> str:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed_chromium(), args=SWITCHES)
        kept = house.signed_in(browser, house.tuesday.admin.email)
        browser.close()
    return "; ".join(f"{one['name']}={one['value']}" for one in kept["cookies"])


def _look(lighthouse: str, url: str, headers: Path) -> dict[str, Any]:
    """Look as a phone with a slow processor on slow 4G, which is what Lighthouse pretends."""
    found = subprocess.run(
        [
            lighthouse,
            url,
            "--quiet",
            "--output=json",
            f"--extra-headers={headers}",
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags=--headless=new {' '.join(SWITCHES)}",
        ],
        env={"CHROME_PATH": str(installed_chromium()), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        check=True,
        timeout=180,
    )
    report: dict[str, Any] = json.loads(found.stdout)
    return report


def _print(screen: str, report: dict[str, Any]) -> None:
    scores = [f"{report['categories'][name]['score'] * 100:.0f}" for name in CATEGORIES]
    audits = [report["audits"][name]["displayValue"].replace("\xa0", " ") for name in AUDITS]
    size = report["audits"]["total-byte-weight"]["numericValue"] / 1000
    print("|", " | ".join((screen, *scores, *audits, f"{size:.0f}")), "|", flush=True)


if __name__ == "__main__":
    main()
