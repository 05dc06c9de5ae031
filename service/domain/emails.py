"""The emails: every approved form in both languages, and how one becomes subject, text and HTML.

The words are data (`protocol/data/v1/emails.en.yaml`, `emails.es.yaml`), checked when loaded; the
looks are in `templates/emails/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.domain.files import DataFileError, protocol_folder, read_table, templates_folder
from service.domain.protocol.editions import base_of
from service.domain.slots import SLOTS, MissingSlot, fill, slots_in
from service.domain.values import Language
from service.domain.wording import UnknownText

CHOICES = {
    "fluid_limit": frozenset({"yes", "no"}),
    "chest": frozenset({"yes", "no"}),
    "heat_ice": frozenset({"heat_ice", "heat_only", "ice_only", "no_heat_ice"}),
}
"""Slots that decide which blocks are shown. One that is not given is `no`, where that is known."""

_KINDS = ("text", "heading", "warning", "list", "button")

OneLine = Annotated[str, Field(min_length=1, pattern=r"^[^\r\n]+$")]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Block(_Row):
    """A paragraph, heading, boxed warning, list or button of an email."""

    kind: Literal["text", "heading", "warning", "list", "button"]
    text: OneLine | None = None
    points: tuple[OneLine, ...] = Field(default=(), strict=False)
    to: Literal["check_in", "app", "reset"] | None = None
    when: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _read(cls, written: Any) -> Any:
        """Turn the short forms of the data file into fields."""
        if isinstance(written, str):
            return {"kind": "text", "text": written}
        kinds = [kind for kind in _KINDS if isinstance(written, dict) and kind in written]
        if len(kinds) != 1:
            raise ValueError(f"needs words, or exactly one of {', '.join(_KINDS)}")
        rest = {name: value for name, value in written.items() if name != kinds[0]}
        words = "points" if kinds[0] == "list" else "text"
        return {**rest, "kind": kinds[0], words: written[kinds[0]]}

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.kind == "button") != (self.to is not None):
            raise ValueError("a button, and only a button, says where it leads")
        for name, value in self.when.items():
            if value not in CHOICES.get(name, ()):
                raise ValueError(f"when: {name}: {value!r} is not a choice")
        if unknown := self.slots - SLOTS:
            raise ValueError(f"{{{min(unknown)}}} is not a slot")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """Every line of the block."""
        return self.points if self.text is None else (self.text,)

    @property
    def slots(self) -> frozenset[str]:
        """What the block is filled with."""
        return frozenset[str]().union(*(slots_in(line) for line in self.words))


class Email(_Row):
    """One email as approved, its slots unfilled. Subjects have no slots, so they leak nothing."""

    subject: Annotated[OneLine, Field(pattern=r"^[^{}\r\n]+$")]
    body: tuple[Block, ...] = Field(min_length=1, strict=False)
    for_staff: bool = False

    @property
    def shape(self) -> tuple[object, ...]:
        """What must be the same in every language."""
        blocks = [(b.kind, b.to, b.when, len(b.points), b.slots) for b in self.body]
        return (self.for_staff, blocks)


class Footer(_Row):
    """What ends every email to a patient."""

    unwatched: OneLine
    phone: OneLine
    plan: OneLine
    unsubscribe: OneLine


class _InLanguage(_Row):
    """The emails of one language."""

    version: int
    language: str
    footer: Footer
    emails: dict[str, Email]


@dataclass(frozen=True)
class Emails:
    """Every email of one version of the protocol, in each language."""

    version: int
    footers: Mapping[Language, Footer]
    by_language: Mapping[Language, Mapping[str, Email]]

    @property
    def keys(self) -> frozenset[str]:
        """The name of every email; both languages have the same."""
        return frozenset(self.by_language[Language.EN])

    def get(self, key: str, language: Language) -> Email:
        """Return the email with its slots unfilled; raises `UnknownText`."""
        try:
            return self.by_language[language][key]
        except KeyError:
            raise UnknownText(key) from None


@dataclass(frozen=True, slots=True)
class EmailLinks:
    """Where an email's links lead: addresses that only this patient, or this clinic, has."""

    unsubscribe: str | None = None
    check_in: str | None = None
    app: str | None = None
    reset: str | None = None
    """Where a member of staff chooses a new password, once."""
    plan: str | None = None
    """The patient's own page; a message about no patient names none."""


@dataclass(frozen=True, slots=True)
class EmailBody:
    """An email as it goes out, in both its forms."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A block with its words filled and its link known: all that a template needs."""

    kind: str
    text: str
    points: tuple[str, ...]
    link: str | None


@cache
def load_emails(version: int) -> Emails:
    """Return the emails of one version of the protocol; raises `DataFileError`."""
    base = base_of(version)
    return read_emails(protocol_folder(base), base)


def read_emails(folder: Path, version: int) -> Emails:
    """Read and check the files of every language; raises `DataFileError` naming what is wrong."""
    read = {language: _read_language(folder, language, version) for language in Language}
    english = read[Language.EN].emails
    for language, found in read.items():
        file = f"emails.{language.value}.yaml"
        for key in sorted(english.keys() ^ found.emails.keys()):
            raise DataFileError(f"{file}: emails.{key}: is in one language only")
        for key, email in found.emails.items():
            if email.shape != english[key].shape:
                raise DataFileError(f"{file}: emails.{key}: is not built like the English one")
    return Emails(
        version,
        footers={language: found.footer for language, found in read.items()},
        by_language={language: found.emails for language, found in read.items()},
    )


def render_email(
    emails: Emails, key: str, language: Language, slots: Mapping[str, str], *, links: EmailLinks
) -> EmailBody:
    """Return the email to send.

    `slots` fill the words; `CHOICES` among them decide what is shown. Raises `UnknownText`, and
    `MissingSlot` for a slot, a choice or a link that the email needs and was not given.
    """
    email = emails.get(key, language)
    values = {name: " ".join(value.split()) for name, value in slots.items()}
    shown = {
        "language": language.value,
        "subject": email.subject,
        "blocks": list(_shown_blocks(email, values, links)),
        "footer": None
        if email.for_staff
        else _shown_footer(emails.footers[language], values, links),
    }
    templates = _templates()
    return EmailBody(
        subject=email.subject,
        text=templates.get_template("message.txt").render(shown),
        html=templates.get_template("message.html").render(shown),
    )


def _read_language(folder: Path, language: Language, version: int) -> _InLanguage:
    file = f"emails.{language.value}.yaml"
    try:
        found = _InLanguage.model_validate(read_table(folder / file))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        # pydantic puts "Value error, " before what our own checks say.
        said = first["msg"].removeprefix("Value error, ")
        raise DataFileError(f"{file}: {where}: {said}") from error
    if (found.version, found.language) != (version, language.value):
        raise DataFileError(f"{file}: is not version {version} in {language.value!r}")
    return found


def _shown_blocks(email: Email, values: Mapping[str, str], links: EmailLinks) -> Iterable[_Shown]:
    for block in email.body:
        if all(_choice(name, values) == value for name, value in block.when.items()):
            yield _Shown(
                kind=block.kind,
                text=fill(block.text or "", values),
                points=tuple(fill(point, values) for point in block.points),
                link=_link(links, block.to) if block.to else None,
            )


def _shown_footer(
    footer: Footer, values: Mapping[str, str], links: EmailLinks
) -> dict[str, str | None]:
    return {
        "unwatched": footer.unwatched,
        "phone": fill(footer.phone, values),
        "plan": footer.plan,
        "plan_link": links.plan,
        "unsubscribe": footer.unsubscribe,
        "link": _link(links, "unsubscribe"),
    }


def _choice(name: str, values: Mapping[str, str]) -> str:
    chosen = values.get(name, "no")
    if chosen not in CHOICES[name]:
        raise MissingSlot(name)
    return chosen


def _link(links: EmailLinks, name: str) -> str:
    link: str | None = getattr(links, name)
    if not link:
        raise MissingSlot(name)
    return link


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(templates_folder() / "emails"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
