"""The pretend phone network: Twilio's counterpart, on its own port and its own thread.

Run by `aftercare serve` in sandbox mode, or as a process of its own:
`python -m service.sandbox.phone_network --port 4010`.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from service.clock import fast_clock, system_now
from service.sandbox.http_server import Answer, Request, Server
from service.sandbox.journal import Journal, read_journal
from service.sandbox.loop_thread import LoopThread
from service.sandbox.phone_api import PhoneApi
from service.sandbox.phone_control import PhoneControl
from service.sandbox.phone_courier import Delivery, PhoneCourier
from service.sandbox.phone_exchange import OptOuts, PhoneExchange
from service.sandbox.phone_faults import Faults, Rule
from service.sandbox.phone_journeys import Pace, PhoneJourneys
from service.sandbox.texts import Text

SANDBOX_ACCOUNT = "AC" + "5a" * 16
SANDBOX_TOKEN = "5a" * 16


@dataclass(frozen=True, slots=True)
class Phone:
    """One pretend phone: its texts, oldest first, and the clinics it has heard from."""

    number: str
    on: bool
    texts: tuple[Text, ...]
    clinics: tuple[str, ...]


class PhoneNetwork:
    """A network that can be started, texted from, and looked at, from any thread.

    `inbound_url` is the clinic's public address for patients' texts; None: nobody is told. With
    a `journal`, texts outlive the network: the next one with the same file goes on with them.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        account: str = SANDBOX_ACCOUNT,
        auth_token: str = SANDBOX_TOKEN,
        inbound_url: str | None = None,
        journal: Path | None = None,
        durable: bool = False,
        opt_outs: OptOuts = OptOuts.DEFAULT,
        step: float | None = 0.05,
    ) -> None:
        self.account = account
        self.auth_token = auth_token
        self.inbound_url = inbound_url
        self.url = ""
        """Where the network listens, once it is started."""
        earlier = list(read_journal(journal)) if journal is not None else []
        self._journal = Journal(journal, durable=durable)
        self._exchange = PhoneExchange(self._journal, now, opt_outs)
        self._exchange.restore(earlier)
        self._courier = PhoneCourier(auth_token, Delivery())
        self._journeys = PhoneJourneys(self._exchange, self._courier, account, Pace(step))
        self._faults = Faults()
        self._api = PhoneApi(account, auth_token, self._exchange, self._journeys, self._faults)
        self._control = PhoneControl(
            self._exchange, self._journeys, self._courier, self._api, self._faults, self._receive
        )
        self._server = Server(self._handle)
        self._thread = LoopThread("phone-network")

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, and go on with what was under way; return the address."""
        self._thread.start()
        bound = self._thread.run(self._open(host, port))
        self.url = f"http://{host}:{bound}"
        return self.url

    def stop(self) -> None:
        """Stop at once; texts under way stay where they are."""
        self._thread.run(self._close())
        self._thread.stop()
        self._journal.close()

    def inbound(self, phone: str, clinic: str, body: str, photos: int = 0) -> str:
        """A patient texts the clinic: return the text's sid; the webhook follows by itself."""
        return self._thread.ask(lambda: self._receive(phone, clinic, body, photos))

    def phones(self) -> list[Phone]:
        """Return every phone that has had or sent a text, the most lately used first."""
        return self._thread.ask(self._all_phones)

    def texts(self) -> list[Text]:
        """Return every text, oldest first."""
        return self._thread.ask(lambda: [replace(text) for text in self._exchange.texts.values()])

    def switch(self, phone: str, *, on: bool) -> None:
        """Turn a phone off, so that texts to it wait, or on again."""
        self._thread.ask(lambda: self._exchange.switch(phone, on=on))

    def break_with(self, rule: Rule) -> None:
        """Let something go wrong with the next texts that the rule fits."""
        self._thread.ask(lambda: self._faults.rules.append(rule))

    def mend(self) -> None:
        """Take back all rules, and send what they held."""
        self._thread.ask(self._mend)

    def change_habits(self, **habits: object) -> None:
        """See `PhoneControl.change_habits`."""
        self._thread.ask(lambda: self._control.change_habits(habits))

    def settle(self, timeout: float = 15.0, *, also_held: bool = False) -> None:
        """Wait until all texts have arrived and the clinic has been told; raises `TimeoutError`.

        Texts to phones that are off are left out, unless they are soon to be sent or given up.
        """
        self._thread.run(asyncio.wait_for(self._journeys.settle(also_held=also_held), timeout))

    def _handle(self, request: Request) -> Answer:
        if request.path.startswith("/control/") and self._api.knows(request):
            return self._control.handle(request)
        return self._api.handle(request)

    def _receive(self, phone: str, clinic: str, body: str, photos: int) -> str:
        text = self._exchange.receive(phone, clinic, body, photos)
        opt_out, _ = self._exchange.obey(text)
        if self.inbound_url is not None:
            self._journeys.announce(text, self.inbound_url, opt_out)
        return text.sid

    def _all_phones(self) -> list[Phone]:
        by_number: dict[str, list[Text]] = {}
        for text in self._exchange.texts.values():
            texts = by_number.pop(text.phone, [])
            by_number[text.phone] = [*texts, replace(text)]
        return [self._phone(number, texts) for number, texts in reversed(by_number.items())]

    def _phone(self, number: str, texts: list[Text]) -> Phone:
        clinics = tuple(dict.fromkeys(text.clinic for text in reversed(texts)))
        return Phone(number, number not in self._exchange.phones_off, tuple(texts), clinics)

    def _mend(self) -> None:
        self._faults.rules.clear()
        self._journeys.held.clear()

    async def _open(self, host: str, port: int) -> int:
        self._journeys.resume()
        return await self._server.start(host, port)

    async def _close(self) -> None:
        await self._server.stop()
        await self._journeys.close()
        await self._courier.close()


def main() -> None:
    """Run the network until it is told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4010)
    parser.add_argument("--account", default=SANDBOX_ACCOUNT)
    parser.add_argument("--auth-token", default=SANDBOX_TOKEN)
    parser.add_argument("--inbound-url", help="the clinic's public address for patients' texts")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--durable", action="store_true", help="fsync the journal at every line")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--step", type=float, default=0.05, help="seconds from status to status")
    parser.add_argument("--undelivered", action="store_true", help="leave texts queued for ever")
    parser.add_argument("--opt-outs", type=OptOuts, default=OptOuts.DEFAULT)
    parser.add_argument("--anchor", type=datetime.fromisoformat, help="where fast time began")
    parser.add_argument("--speed", type=float, default=1.0, help="clinic seconds a second")
    given = parser.parse_args()
    stopped = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stopped.set())
    network = PhoneNetwork(
        fast_clock(given.anchor or system_now(), given.speed),
        account=given.account,
        auth_token=given.auth_token,
        inbound_url=given.inbound_url,
        journal=given.journal,
        durable=given.durable,
        opt_outs=given.opt_outs,
        step=None if given.undelivered else given.step,
    )
    url = network.start(given.host, given.port)
    network.change_habits(latency=given.latency)
    print(url, flush=True)  # noqa: T201 - whoever started us waits for this line
    stopped.wait()
    network.stop()


if __name__ == "__main__":
    main()
