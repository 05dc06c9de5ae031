"""The pretend network's own interface: answer as a patient, set faults, change its habits.

Everything is JSON under `/control`, with the account's own login:
`POST /control/texts` {"phone", "clinic", "body", "photos"} · `POST /control/rules` (a `Rule`) ·
`DELETE /control/rules` · `POST /control/phones` {"number", "on"} · `POST /control/habits` ·
`GET /control/texts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from service.sandbox.http_server import Answer, Request
from service.sandbox.phone_api import PhoneApi
from service.sandbox.phone_courier import Order, PhoneCourier
from service.sandbox.phone_exchange import OptOuts, PhoneExchange
from service.sandbox.phone_faults import Faults, Rule, Trouble
from service.sandbox.phone_journeys import PhoneJourneys

Receive = Callable[[str, str, str, int], str]


class PhoneControl:
    """Turns the network's knobs. `receive` takes a patient's text and returns its sid."""

    def __init__(
        self,
        exchange: PhoneExchange,
        journeys: PhoneJourneys,
        courier: PhoneCourier,
        api: PhoneApi,
        faults: Faults,
        receive: Receive,
    ) -> None:
        self._exchange = exchange
        self._journeys = journeys
        self._courier = courier
        self._api = api
        self._faults = faults
        self._receive = receive

    def handle(self, request: Request) -> Answer:
        """Do what the request says; 400 for what it should not say."""
        try:
            given = json.loads(request.body or b"{}")
            result = self._do(request.method, request.path, given)
        except (KeyError, TypeError, ValueError) as problem:
            return Answer(400, json.dumps({"error": str(problem)}).encode())
        return Answer(200, json.dumps(result, default=str).encode())

    def _do(self, method: str, path: str, given: dict[str, Any]) -> object:
        match method, path:
            case "POST", "/control/texts":
                photos = int(given.get("photos", 0))
                return {
                    "sid": self._receive(given["phone"], given["clinic"], given["body"], photos)
                }
            case "GET", "/control/texts":
                return [asdict(text) for text in self._exchange.texts.values()]
            case "POST", "/control/rules":
                self._faults.rules.append(Rule(**{**given, "trouble": Trouble(given["trouble"])}))
            case "DELETE", "/control/rules":
                self._faults.rules.clear()
                self._journeys.held.clear()
            case "POST", "/control/phones":
                self._exchange.switch(given["number"], on=bool(given["on"]))
            case "POST", "/control/habits":
                self.change_habits(given)
            case _:
                raise ValueError("no such control")
        return {}

    def change_habits(self, habits: dict[str, Any]) -> None:
        """Set `latency`, `step`, `opt_outs`, or any field of `Delivery`.

        Raises `ValueError` for a name that is none of these.
        """
        deliveries = {field.name for field in fields(self._courier.delivery)}
        for name, value in habits.items():
            if name == "latency":
                self._api.latency = float(value)
            elif name == "step":
                self._journeys.pace.step = None if value is None else float(value)
            elif name == "opt_outs":
                self._exchange.opt_outs = OptOuts(value)
            elif name in deliveries:
                setattr(self._courier.delivery, name, Order(value) if name == "order" else value)
            else:
                raise ValueError(f"no such habit: {name}")
