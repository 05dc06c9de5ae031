"""Twilio's Messages API, as the pretend phone network offers it."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from service.sandbox.http_server import Answer, Ending, Request
from service.sandbox.phone_exchange import PhoneExchange, Refusal
from service.sandbox.phone_faults import Faults, Rule, Trouble
from service.sandbox.phone_journeys import PhoneJourneys
from service.sandbox.texts import API_VERSION, Text, as_json

_ENDINGS = {
    Trouble.TAKE_AND_HANG: Ending.SILENCE,
    Trouble.TAKE_AND_CUT: Ending.CUT,
    Trouble.CUT_ANSWER: Ending.HALF,
}


class PhoneApi:
    """Create, fetch and list, for one account. `latency` is seconds before a send is answered."""

    def __init__(
        self,
        account: str,
        auth_token: str,
        exchange: PhoneExchange,
        journeys: PhoneJourneys,
        faults: Faults,
    ) -> None:
        self.latency = 0.0
        self._account = account
        self._exchange = exchange
        self._journeys = journeys
        self._faults = faults
        self._login = b"Basic " + base64.b64encode(f"{account}:{auth_token}".encode())
        self._messages = f"/{API_VERSION}/Accounts/{account}/Messages"

    def knows(self, request: Request) -> bool:
        """Does the request carry the account's sid and token?"""
        return hmac.compare_digest(request.headers.get(b"authorization", b""), self._login)

    def handle(self, request: Request) -> Answer:
        """Answer one request as Twilio would, unless a rule says otherwise."""
        if not self.knows(request):
            return _refused(Refusal(401, 20003))
        if request.path == self._messages + ".json":
            if request.method == "POST":
                return self._create(request)
            if request.method == "GET":
                return self._list(request)
        if request.path.startswith(self._messages + "/") and request.method == "GET":
            return self._fetch(request)
        return _refused(Refusal(404, 20404))

    def _create(self, request: Request) -> Answer:
        form = _form_in(request.body)
        sender = form.get("From") or form.get("MessagingServiceSid", "")
        rule = self._faults.next_for(form.get("To", ""), sender)
        if rule is not None and rule.trouble in (Trouble.HANG, Trouble.RESET):
            self._exchange.drop(form, rule.trouble)
            ending = Ending.SILENCE if rule.trouble is Trouble.HANG else Ending.RESET
            return Answer(500, b"", ending=ending)
        refusal = self._exchange.refusal_of(form)
        if refusal is None and rule is not None and rule.trouble is Trouble.REFUSE:
            refusal = Refusal(rule.status, rule.code or rule.status, rule.retry_after)
        if refusal is not None:
            self._exchange.refuse(form, refusal)
            return _refused(refusal, self.latency)
        return self._take(form, rule)

    def _take(self, form: dict[str, str], rule: Rule | None) -> Answer:
        text = self._exchange.accept(form)
        body = as_json(text, self._account).encode()
        if rule is None:
            self._journeys.begin(text)
            return Answer(201, body, delay=self.latency)
        if rule.trouble is Trouble.HELD:
            self._journeys.held.add(text.sid)
        self._journeys.begin(text, rule.code if rule.trouble is Trouble.UNDELIVERED else None)
        return self._answer_badly(body, rule)

    def _answer_badly(self, body: bytes, rule: Rule) -> Answer:
        if rule.trouble is Trouble.TAKE_AND_FAIL:
            return _refused(Refusal(rule.status, rule.code or 20500), self.latency)
        if rule.trouble is Trouble.HALF_ANSWER:
            body = body[: len(body) // 2]
        if rule.trouble is Trouble.NO_SID:
            body = json.dumps({**json.loads(body), "sid": None}).encode()
        ending = _ENDINGS.get(rule.trouble, Ending.WHOLE)
        return Answer(201, body, delay=self.latency + rule.delay, ending=ending)

    def _fetch(self, request: Request) -> Answer:
        sid = request.path.removeprefix(self._messages + "/").removesuffix(".json")
        text = self._exchange.texts.get(sid)
        if text is None:
            return _refused(Refusal(404, 20404))
        return Answer(200, as_json(text, self._account).encode())

    def _list(self, request: Request) -> Answer:
        asked = dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            size = min(max(int(asked.get("PageSize", 50)), 1), 1000)
            number = int(asked.get("Page", 0))
            matching = self._matching(asked)
        except ValueError:
            return _refused(Refusal(400, 20001))
        # One more than fits tells whether there is a next page.
        texts = list(islice(matching, size + 1))
        return Answer(200, self._page(asked, texts, size, number).encode())

    def _matching(self, asked: dict[str, str]) -> list[Text]:
        texts = self._exchange.listed(asked.get("To", ""), asked.get("From", ""))
        first, last = _sent_between(asked)
        chosen = [
            text
            for text in texts
            if (first is None or (text.sent_at is not None and text.sent_at >= first))
            and (last is None or (text.sent_at is not None and text.sent_at < last))
        ]
        token = asked.get("PageToken", "").removeprefix("PA")
        after = next((n for n, text in enumerate(chosen, 1) if text.sid == token), 0)
        return chosen[after:]

    def _page(self, asked: dict[str, str], texts: list[Text], size: int, number: int) -> str:
        shown = texts[:size]
        filters = {k: v for k, v in asked.items() if k not in ("PageSize", "Page", "PageToken")}
        path = self._messages + ".json?"
        following = None
        if len(texts) > size:
            place = {"PageSize": size, "Page": number + 1, "PageToken": f"PA{shown[-1].sid}"}
            following = path + urlencode({**filters, **place})
        resources = ",".join(as_json(text, self._account) for text in shown)
        page = {
            "end": number * size + max(len(shown) - 1, 0),
            "first_page_uri": path + urlencode({**filters, "PageSize": size, "Page": 0}),
            "next_page_uri": following,
            "page": number,
            "page_size": size,
            "previous_page_uri": None,
            "start": number * size,
            "uri": path + urlencode(asked),
        }
        return f'{{"messages":[{resources}],{json.dumps(page)[1:]}'


def _form_in(body: bytes) -> dict[str, str]:
    """Read a form as `parse_qsl` does, in a third of its time; names are plain ASCII."""
    form = {}
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        plain = unquote_to_bytes(value.replace(b"+", b" "))
        form[name.decode("ascii", "replace")] = plain.decode("utf-8", "replace")
    return form


def _sent_between(asked: dict[str, str]) -> tuple[datetime | None, datetime | None]:
    """Return the first moment that fits, and the first that does not any more."""
    first = last = None
    if "DateSent" in asked:
        first = _moment(asked["DateSent"]).replace(hour=0, minute=0, second=0)
        last = first + timedelta(days=1)
    if "DateSent>" in asked:
        first = _moment(asked["DateSent>"])
    if "DateSent<" in asked:
        last = _moment(asked["DateSent<"])
        whole_day = timedelta(days=1) if len(asked["DateSent<"]) == len("2026-03-03") else None
        last += whole_day or timedelta(seconds=1)
    return first, last


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refused(refusal: Refusal, delay: float = 0.0) -> Answer:
    headers: tuple[tuple[str, str], ...] = ()
    if refusal.retry_after is not None:
        headers = (("Retry-After", str(refusal.retry_after)),)
    return Answer(refusal.status, _as_error(refusal), headers=headers, delay=delay)


@lru_cache(maxsize=256)
def _as_error(refusal: Refusal) -> bytes:
    more = f"https://www.twilio.com/docs/errors/{refusal.code}"
    error = {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": more,
        "status": refusal.status,
    }
    return json.dumps(error).encode()
