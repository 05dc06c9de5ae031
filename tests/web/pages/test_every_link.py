"""Every route behind a link, by what opens it: nothing but the link that was made for it."""

from uuid import uuid4

from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from service.store.audit import AuditEntry
from service.store.replies import Reply
from tests.web.pages.conftest import LINKS

FORM = {"score": "1", "words": "hi", "language": "es", "channel": "sms"}


def test_a_link_opens_its_own_page_and_no_other(browser, sessions, ana):
    routes = [
        (method, route.path)
        for route in iter_route_contexts(browser.app.routes)
        for method in route.methods or ()
        if "{token}" in route.path
    ]
    tokens = {
        "/c/": ana.check_in.removeprefix("/c/"),
        "/u/": ana.unsubscribe.removeprefix("/u/"),
        "/p/": ana.own_page.removeprefix("/p/"),
    }
    assert len(routes) == 15

    for method, path in routes:
        wrong = [token for kind, token in tokens.items() if not path.startswith(kind)]
        for token in (*wrong, "nonsense", LINKS.check_in_url(uuid4())[-43:][::-1]):
            answer = browser.request(method, path.replace("{token}", token), data=FORM)

            assert answer.status_code == 404, (method, path)

    with sessions() as db:
        assert db.scalars(select(Reply)).all() == []
        assert db.scalars(select(AuditEntry)).all() == []
