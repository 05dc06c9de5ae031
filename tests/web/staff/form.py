"""A form as a person fills it in: what it holds when it is drawn, and every tap that changes it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient


class _Fields(HTMLParser):
    """Reads one form: its values, which of them are boxes to tick, and what has the focus."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self._id = form_id
        self._inside = False
        self.values: list[tuple[str, str]] = []
        self.kinds: dict[str, str] = {}
        self.focused: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == self._id
        name = given.get("name")
        if not self._inside or tag != "input" or not name:
            return
        kind = given.get("type") or "text"
        self.kinds[name] = kind
        if "autofocus" in given:
            self.focused = name
        if kind not in ("checkbox", "radio") or "checked" in given:
            self.values.append((name, given.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


class Form:
    """The form `form_id` of a page, in one browser; `taps` counts what a finger does."""

    def __init__(self, browser: TestClient, page: Any, form_id: str, taps: int = 0) -> None:
        self._browser, self._id = browser, form_id
        read = _Fields(form_id)
        read.feed(page.text)
        self.values, self._kinds, self._focused = read.values, read.kinds, read.focused
        self.page, self.taps = page, taps

    def one(self, name: str) -> str | None:
        """Return a field's value, None when nothing is chosen."""
        return next((value for field, value in self.values if field == name), None)

    def all(self, name: str) -> list[str]:
        """Return every ticked value of a field."""
        return [value for field, value in self.values if field == name]

    def type(self, **fields: str) -> Form:
        """Type into fields; a field that has no focus yet is tapped first."""
        for name, words in fields.items():
            assert name in self._kinds, name
            self.taps += self._focused != name
            self.values = [(field, old) for field, old in self.values if field != name]
            self.values.append((name, words))
        return self

    def tap(self, name: str, value: str) -> Form:
        """Tap a button of a row, or a box."""
        self.taps += 1
        kind, there = self._kinds[name], (name, value) in self.values
        if kind == "radio":
            self.values = [(field, old) for field, old in self.values if field != name]
        if kind == "checkbox" and there:
            self.values.remove((name, value))
        else:
            self.values.append((name, value))
        return self

    def send(self, path: str, **button: str) -> Form:
        """Tap the button that sends the form to `path`; return the form on the page that comes."""
        fields: dict[str, list[str]] = {}
        for name, value in [*self.values, *button.items()]:
            fields.setdefault(name, []).append(value)
        page = self._browser.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"})
        return Form(self._browser, page, self._id, self.taps + 1)


def form_of(browser: TestClient, path: str, form_id: str) -> Form:
    """Open a page and take its form in hand."""
    return Form(browser, browser.get(path), form_id)
