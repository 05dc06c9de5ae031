"""What the environment says, read once and checked; a wrong value stops the start by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from service.gateways.imap_replies import mailbox_at
from service.gateways.smtp_email import relay_at
from service.store.secrets import SHORTEST_SECRET

MODES = ("sandbox", "live")
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_SMTP_EXAMPLE = "smtp://user:password@mail.example:587"
_IMAP_EXAMPLE = "imaps://user:password@mail.example/INBOX"


class WrongSetting(Exception):
    """A setting cannot be used; the message names it and says what to do."""


@dataclass(frozen=True)
class Settings:
    """Every setting of the service; each can also be given as `NAME_FILE`, a path to its value."""

    database_url: str
    public_url: str
    secret_keys: tuple[str, ...]
    twilio_account_sid: str | None
    twilio_auth_tokens: tuple[str, ...]
    """The first one is used to send; webhooks signed with any of them are believed."""
    twilio_api_url: str | None
    smtp_url: str | None
    imap_url: str | None
    mode: str
    speed: float


NAMES = (
    "AFTERCARE_DATABASE_URL",
    "AFTERCARE_PUBLIC_URL",
    "AFTERCARE_SECRET_KEYS",
    "AFTERCARE_TWILIO_ACCOUNT_SID",
    "AFTERCARE_TWILIO_AUTH_TOKEN",
    "AFTERCARE_TWILIO_API_URL",
    "AFTERCARE_SMTP_URL",
    "AFTERCARE_IMAP_URL",
    "AFTERCARE_MODE",
    "AFTERCARE_SPEED",
)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings; raises `WrongSetting` for the first that cannot be used.

    What is merely unsafe for live use is left to `unsafe_for_live`, so that it is told all at once.
    """
    given = {name: _value(environment, name) for name in NAMES}
    mode = given["AFTERCARE_MODE"] or "sandbox"
    if mode not in MODES:
        raise WrongSetting(f"AFTERCARE_MODE is {mode!r}: use `sandbox` or `live`.")
    return Settings(
        database_url=_database_url(given["AFTERCARE_DATABASE_URL"]),
        public_url=(given["AFTERCARE_PUBLIC_URL"] or "http://127.0.0.1:8000").rstrip("/"),
        secret_keys=_secret_keys(given["AFTERCARE_SECRET_KEYS"]),
        twilio_account_sid=given["AFTERCARE_TWILIO_ACCOUNT_SID"],
        twilio_auth_tokens=_list(given["AFTERCARE_TWILIO_AUTH_TOKEN"]),
        twilio_api_url=given["AFTERCARE_TWILIO_API_URL"],
        smtp_url=_mail_url(given, "AFTERCARE_SMTP_URL", relay_at, _SMTP_EXAMPLE),
        imap_url=_mail_url(given, "AFTERCARE_IMAP_URL", mailbox_at, _IMAP_EXAMPLE),
        mode=mode,
        speed=_speed(given["AFTERCARE_SPEED"], mode),
    )


def unsafe_for_live(settings: Settings) -> list[str]:
    """Return, in plain words, all that is missing or unsafe for sending to real patients."""
    problems = []
    if settings.mode != "live":
        problems.append("AFTERCARE_MODE is `sandbox`: set it to `live`.")
    problems += _unsafe_addresses(settings)
    if not settings.secret_keys:
        problems.append(
            "AFTERCARE_SECRET_KEYS is missing: patients' data is sealed with it. "
            f"Give at least {SHORTEST_SECRET} random characters and keep a copy off this machine."
        )
    if not settings.twilio_account_sid:
        problems.append("AFTERCARE_TWILIO_ACCOUNT_SID is missing: texts cannot be sent.")
    if not settings.twilio_auth_tokens:
        problems.append(
            "AFTERCARE_TWILIO_AUTH_TOKEN is missing: texts cannot be sent, nor webhooks checked."
        )
    if settings.twilio_api_url:
        problems.append("AFTERCARE_TWILIO_API_URL points at a stand-in: remove it.")
    if not settings.smtp_url:
        problems.append("AFTERCARE_SMTP_URL is missing: email cannot be sent.")
    return problems


def _unsafe_addresses(settings: Settings) -> list[str]:
    """Return what would let others read along, or Twilio and patients find nobody."""
    problems = []
    public = urlsplit(settings.public_url)
    if public.scheme != "https":
        problems.append("AFTERCARE_PUBLIC_URL must begin with https://, as Twilio sees it.")
    if not public.hostname or public.path or public.query:
        problems.append("AFTERCARE_PUBLIC_URL must be a host alone, as https://care.example.")
    elif public.scheme == "https" and public.hostname in _THIS_MACHINE:
        problems.append("AFTERCARE_PUBLIC_URL is this machine: give the address that patients see.")
    relay = relay_at(settings.smtp_url) if settings.smtp_url else None
    if relay and relay.tls == "none" and relay.host not in _THIS_MACHINE:
        problems.append("AFTERCARE_SMTP_URL sends in the clear: remove `starttls=no`.")
    mailbox = mailbox_at(settings.imap_url) if settings.imap_url else None
    if mailbox and mailbox.tls == "none" and mailbox.host not in _THIS_MACHINE:
        problems.append("AFTERCARE_IMAP_URL reads in the clear: remove `starttls=no`.")
    return problems


def _value(environment: Mapping[str, str], name: str) -> str | None:
    path = environment.get(f"{name}_FILE")
    if path is None:
        return environment.get(name) or None
    try:
        return Path(path).read_text().strip() or None
    except OSError as error:
        raise WrongSetting(f"{name}_FILE cannot be read: {error.strerror}.") from error


def _database_url(given: str | None) -> str:
    url = given or "sqlite:///aftercare.db"
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError as error:
        raise WrongSetting("AFTERCARE_DATABASE_URL is not a database URL.") from error
    if backend not in ("sqlite", "postgresql", "postgres"):
        raise WrongSetting(
            "AFTERCARE_DATABASE_URL must begin with `sqlite:///` or `postgresql://`."
        )
    return url


def _mail_url(
    given: Mapping[str, str | None], name: str, read: Callable[[str], object], example: str
) -> str | None:
    url = given[name]
    try:
        if url is not None:
            read(url)
    except ValueError as error:
        # What is wrong is not repeated: it may be a part of the password.
        raise WrongSetting(f"{name} cannot be used: write it like {example}") from error
    return url


def _list(given: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (given or "").split(",") if one.strip())


def _secret_keys(given: str | None) -> tuple[str, ...]:
    keys = _list(given)
    if any(len(key) < SHORTEST_SECRET for key in keys):
        raise WrongSetting(
            f"AFTERCARE_SECRET_KEYS holds a key of under {SHORTEST_SECRET} characters: "
            "make it longer."
        )
    return keys


def _speed(given: str | None, mode: str) -> float:
    try:
        speed = float(given or 1)
    except ValueError as error:
        raise WrongSetting("AFTERCARE_SPEED must be a number, as 3600.") from error
    if not 1 <= speed <= 100_000:
        raise WrongSetting("AFTERCARE_SPEED must be between 1 and 100000.")
    if mode == "live" and speed != 1:
        raise WrongSetting("AFTERCARE_SPEED is for the sandbox: remove it in live mode.")
    return speed
