"""Every answer tells browsers to do as little as possible with it."""

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from service.web.deps import WebParts
from service.web.site import build_site
from tests.make import NOON

PATHS = ["/c/none", "/u/none", "/p/none", "/nothing", "/api/v1/sessions", "/healthz", "/c/broken/x"]


@pytest.fixture
def site(engine, sessions):
    broken = APIRouter()

    @broken.get("/c/broken/x")
    def fails() -> None:
        raise RuntimeError("a secret")

    web = WebParts(engine, sessions, lambda: NOON, public_url="https://care.example")
    return TestClient(build_site(web, broken), raise_server_exceptions=False)


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers_errors_as_well(site, path):
    headers = site.get(path).headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_broken_page_says_what_to_do_and_nothing_of_what_broke(site):
    page = site.get("/c/broken/x")

    assert page.status_code == 500
    assert "Please try again in a minute" in page.text
    assert "secret" not in page.text


def test_only_https_asks_browsers_to_stay_with_it(engine, sessions):
    with TestClient(build_site(WebParts(engine, sessions, lambda: NOON))) as site:
        assert "Strict-Transport-Security" not in site.get("/healthz").headers


@pytest.mark.parametrize("name", ["site.py", "..%2Fpages%2Flayout.html", "layout.html"])
def test_only_the_pages_own_files_are_served(site, name):
    assert site.get(f"/static/{name}").status_code == 404


def test_files_are_sent_zipped_and_pages_are_not(site):
    asked = {"Accept-Encoding": "gzip"}

    file = site.get("/static/aftercare.css", headers=asked)

    assert file.headers["Content-Encoding"] == "gzip"
    assert file.text == site.get("/static/aftercare.css", headers={"Accept-Encoding": ""}).text
    # A page that holds a form's token and what somebody typed must not tell by its length.
    assert "Content-Encoding" not in site.get("/c/none", headers=asked).headers


def test_search_engines_are_kept_away(site):
    assert site.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"
    assert 'content="noindex"' in site.get("/c/none").text
