"""The pretend network's memory: which texts there are, who opted out, which phones are off."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from service.sandbox.journal import Entry, Journal
from service.sandbox.phone_faults import MESSAGES
from service.sandbox.texts import (
    FINAL,
    INBOUND,
    OUTBOUND,
    OUTBOUND_REPLY,
    Text,
    entry_of,
    new_sid,
    text_of,
)

LONGEST_VALIDITY = 36_000
STOP_WORDS = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "REVOKE", "OPTOUT", "CANCEL"}
)
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
_STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
_HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."


class OptOuts(StrEnum):
    """How the account treats STOP, START and HELP."""

    OFF = "off"
    """Turned off by Twilio's support: the words are ordinary texts."""
    DEFAULT = "default"
    """A new account: Twilio answers and blocks; the webhook does not mention it."""
    ADVANCED = "advanced"
    """As `default`, and the webhook carries `OptOutType`."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Twilio's way to say no."""

    status: int
    code: int
    retry_after: int | None = None

    @property
    def message(self) -> str:
        """The sentence that goes with the code."""
        return MESSAGES.get(self.code, "The request was refused")


class PhoneExchange:
    """All texts, either way. Everything that changes is in the journal first."""

    def __init__(
        self, journal: Journal, now: Callable[[], datetime], opt_outs: OptOuts = OptOuts.DEFAULT
    ) -> None:
        self.texts: dict[str, Text] = {}
        self.opt_outs = opt_outs
        self.phones_off: set[str] = set()
        self._by_number: dict[str, list[Text]] = defaultdict(list)
        self._blocked: set[tuple[str, str]] = set()
        self._services: dict[str, str] = {}
        self._journal = journal
        self._now = now

    def refusal_of(self, form: Mapping[str, str]) -> Refusal | None:
        """Return why this request to send is not taken; None when nothing is wrong with it."""
        to, sender = form.get("To", ""), form.get("From", "")
        service = form.get("MessagingServiceSid", "")
        code = _fault_in_form(to, sender, service, form)
        if code is None and (service or sender, to) in self._blocked:
            code = 21610
        return None if code is None else Refusal(400, code)

    def refuse(self, form: Mapping[str, str], refusal: Refusal) -> None:
        """Write down that a send was refused."""
        self._note(
            "refused",
            status=refusal.status,
            code=refusal.code,
            to=form.get("To", ""),
            sender=form.get("From") or form.get("MessagingServiceSid", ""),
            body=form.get("Body", ""),
            callback_url=form.get("StatusCallback") or None,
        )

    def drop(self, form: Mapping[str, str], trouble: str) -> None:
        """Write down that a send was neither taken nor answered."""
        self._note(
            "dropped",
            trouble=trouble,
            to=form.get("To", ""),
            body=form.get("Body", ""),
            callback_url=form.get("StatusCallback") or None,
        )

    def accept(self, form: Mapping[str, str]) -> Text:
        """Take a text that nothing is wrong with."""
        now = self._now()
        service = form.get("MessagingServiceSid") or None
        valid_for = int(form.get("ValidityPeriod") or LONGEST_VALIDITY)
        text = Text(
            sid=new_sid("SM"),
            direction=OUTBOUND,
            sender=form.get("From") or None,
            recipient=form["To"],
            body=form["Body"],
            status="accepted" if service else "queued",
            created_at=now,
            updated_at=now,
            service=service,
            valid_until=now + timedelta(seconds=valid_for),
            callback_url=form.get("StatusCallback") or None,
        )
        self._keep("accepted", text)
        return text

    def receive(self, phone: str, clinic: str, body: str, photos: int = 0) -> Text:
        """Take a text that a patient sends to a clinic's number."""
        now = self._now()
        text = Text(
            sid=new_sid("MM" if photos else "SM"),
            direction=INBOUND,
            sender=phone,
            recipient=clinic,
            body=body,
            status="received",
            created_at=now,
            updated_at=now,
            sent_at=now,
            service=self.service_of(clinic),
            photos=photos,
        )
        self._keep("inbound", text)
        return text

    def obey(self, text: Text) -> tuple[str | None, Text | None]:
        """Act on STOP, START and HELP as Twilio does: its name for the word, and its answer."""
        kind = None if self.opt_outs is OptOuts.OFF else _keyword(text.body)
        if kind is None:
            return None, None
        ends = {(text.recipient, text.phone), (text.service or text.recipient, text.phone)}
        if kind == "STOP":
            self._block(ends)
        if kind == "START":
            if not ends & self._blocked:
                return None, None  # YES from somebody who never opted out is just an answer
            self._unblock(ends)
        said = {"STOP": _STOPPED, "START": _STARTED, "HELP": _HELPED}[kind]
        return kind, self._say(text, said)

    def move_on(self, text: Text, status: str, error_code: int | None = None) -> None:
        """Write down that a text got a step further; nothing moves a text that has ended."""
        if text.status in FINAL:
            return
        now = self._now()
        if text.sender is None:
            text.sender = self.number_of(text.service or "")
            self._by_number[text.sender].append(text)
        text.status, text.error_code, text.updated_at = status, error_code, now
        if status in ("sent", "delivered", "undelivered") and text.sent_at is None:
            text.sent_at = now
        self._note("status", sid=text.sid, status=status, code=error_code, sender=text.sender)

    def is_out_of_time(self, text: Text) -> bool:
        """Has the time ended in which the sender wanted it to arrive?"""
        return text.valid_until is not None and self._now() >= text.valid_until

    def announced(self, text: Text, result: str) -> None:
        """Write down what became of the webhook for an inbound text."""
        text.webhook = result
        self._note("webhook", sid=text.sid, result=result)

    def switch(self, phone: str, *, on: bool) -> None:
        """Turn a phone on or off; texts to a phone that is off wait."""
        (self.phones_off.discard if on else self.phones_off.add)(phone)
        self._note("phone", number=phone, on=on)

    def listed(self, to: str, sender: str) -> Iterable[Text]:
        """Return the texts between these two, newest first; empty fits all."""
        number = to or sender
        chosen = self._by_number.get(number, []) if number else self.texts.values()
        return (
            text
            for text in reversed(chosen)
            if to in ("", text.recipient) and sender in ("", text.sender)
        )

    def number_of(self, service: str) -> str:
        """Return the number from which a messaging service sends."""
        number = self._services.get(service)
        if number is None:
            digits = int(hashlib.sha256(service.encode()).hexdigest(), 16) % 10_000
            number = self._services[service] = f"+1512555{digits:04}"
        return number

    def service_of(self, number: str) -> str | None:
        """Return the messaging service that a number belongs to, if one has sent from it."""
        return next((sid for sid, theirs in self._services.items() if theirs == number), None)

    def restore(self, entries: Iterable[Entry]) -> None:
        """Bring back what an earlier run of the network had written down."""
        for entry in entries:
            self._replay(entry)

    def _replay(self, entry: Entry) -> None:
        match entry["event"]:
            case "accepted" | "inbound" | "said":
                text = text_of(entry)
                self._hold(text)
                if text.service:
                    self.number_of(text.service)
            case "status":
                text = self.texts[entry["sid"]]
                at = datetime.fromisoformat(entry["at"])
                if text.sender is None and entry["sender"]:
                    text.sender = entry["sender"]
                    self._by_number[entry["sender"]].append(text)
                text.status, text.error_code, text.updated_at = entry["status"], entry["code"], at
                if text.status in ("sent", "delivered", "undelivered") and text.sent_at is None:
                    text.sent_at = at
            case "webhook":
                self.texts[entry["sid"]].webhook = entry["result"]
            case "blocked":
                self._blocked |= {(clinic, phone) for clinic, phone in entry["ends"]}
            case "unblocked":
                self._blocked -= {(clinic, phone) for clinic, phone in entry["ends"]}
            case "phone":
                act = self.phones_off.discard if entry["on"] else self.phones_off.add
                act(entry["number"])

    def _say(self, heard: Text, body: str) -> Text:
        now = self._now()
        text = replace(
            heard,
            sid=new_sid("SM"),
            direction=OUTBOUND_REPLY,
            sender=heard.recipient,
            recipient=heard.sender or "",
            body=body,
            status="delivered",
            created_at=now,
            updated_at=now,
            sent_at=now,
            photos=0,
        )
        self._keep("said", text)
        return text

    def _block(self, ends: set[tuple[str, str]]) -> None:
        self._blocked |= ends
        self._note("blocked", ends=sorted(ends))

    def _unblock(self, ends: set[tuple[str, str]]) -> None:
        self._blocked -= ends
        self._note("unblocked", ends=sorted(ends))

    def _keep(self, event: str, text: Text) -> None:
        self._journal.write(entry_of(event, text))
        self._hold(text)

    def _hold(self, text: Text) -> None:
        self.texts[text.sid] = text
        self._by_number[text.recipient].append(text)
        if text.sender:
            self._by_number[text.sender].append(text)

    def _note(self, event: str, **facts: object) -> None:
        self._journal.write({"event": event, "at": self._now().isoformat(), **facts})


def _fault_in_form(to: str, sender: str, service: str, form: Mapping[str, str]) -> int | None:
    validity = form.get("ValidityPeriod", "1")
    body = form.get("Body", "")
    checks = (
        (not to, 21604),
        (not _E164.fullmatch(to), 21211),
        (not sender and not service, 21603),
        (bool(service) and not _SERVICE.fullmatch(service), 21705),
        (bool(sender) and not _E164.fullmatch(sender), 21212),
        (to == sender, 21266),
        (not body, 21602),
        (len(body) > 1600, 21617),
        (not validity.isdigit() or not 1 <= int(validity) <= LONGEST_VALIDITY, 21624),
    )
    return next((code for wrong, code in checks if wrong), None)


def _keyword(body: str) -> str | None:
    word = body.strip().upper()
    words = {"STOP": STOP_WORDS, "START": START_WORDS, "HELP": HELP_WORDS}
    return next((kind for kind, these in words.items() if word in these), None)
