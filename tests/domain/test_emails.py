"""The approved emails: complete, plain to read for eyes and screen readers, and without leaks."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.domain.emails import CHOICES, EmailBody, EmailLinks, load_emails, read_emails
from service.domain.emails import render_email as render
from service.domain.files import DataFileError, protocol_folder
from service.domain.protocol import load_protocol
from service.domain.slots import MissingSlot, slots_in
from service.domain.triage.readings import Answer
from service.domain.values import Language
from service.domain.wording import UnknownText, load_texts

EMAILS = load_emails(1)
TEXTS = load_texts(1)
EN, ES = Language.EN, Language.ES

VALUES = {
    "clinic": "Bayou Needling",
    "phone": "281-555-0100",
    "area": "neck",
    "move": "slow head turns and shoulder rolls",
    "callby": "Tue 10:30 AM",
    "when": "Tue 10:30 AM",
    "open": "Tue 9 AM",
    "heat_ice": "ice_only",
    "fluid_limit": "yes",
    "chest": "yes",
}
LINKS = EmailLinks(
    unsubscribe="https://care.example/u/one?a=1&b=2",
    check_in="https://care.example/c/two",
    app="https://care.example/flags",
    reset="https://care.example/reset/three",
    plan="https://care.example/p/four",
)
PATIENTS = [
    pytest.param(key, language, id=f"{key}-{language.value}")
    for key in sorted(EMAILS.keys)
    for language in Language
    if not EMAILS.get(key, EN).for_staff
]
EVERY_EMAIL = [
    pytest.param(key, language, id=f"{key}-{language.value}")
    for key in sorted(EMAILS.keys)
    for language in Language
]


def email(key: str, language: Language = EN, /, **slots: str) -> EmailBody:
    return render(EMAILS, key, language, VALUES | slots, links=LINKS)


class Page(HTMLParser):
    """What a mail reader makes of the HTML; fails on tags that are not closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def attributes(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_every_text_has_an_email_form_and_so_has_every_note_of_the_schedule():
    scheduled = load_protocol(1).wordings

    assert EMAILS.keys >= TEXTS.keys | scheduled
    assert all(key.startswith("email_") for key in EMAILS.keys - TEXTS.keys)


def test_every_answer_that_triage_can_give_has_words_on_both_channels():
    by_itself = {answer.value for answer in Answer} - {"none", "ok"}

    assert by_itself <= EMAILS.keys & TEXTS.keys


@pytest.mark.parametrize(("key", "language"), EVERY_EMAIL)
def test_every_email_is_filled_in_both_forms(key, language):
    sent = email(key, language)

    assert sent.subject
    assert not slots_in(sent.text)
    assert not slots_in(sent.html)
    for form in (sent.text, "".join(Page(sent.html).words)):
        assert "Bayou Needling" in form


@pytest.mark.parametrize(("key", "language"), PATIENTS)
def test_every_email_to_a_patient_ends_with_help_a_phone_number_and_a_way_out(key, language):
    sent = email(key, language)

    for form in (sent.text, "".join(Page(sent.html).words)):
        ending = form[-220:]
        assert "911" in ending
        assert "281-555-0100" in ending
    assert sent.text.endswith(f"{LINKS.unsubscribe}\n")
    assert LINKS.plan in sent.text
    assert LINKS.plan in [a["href"] for a in Page(sent.html).attributes("a")]
    assert Page(sent.html).attributes("a")[-1]["href"] == LINKS.unsubscribe


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("key", sorted(key for key in EMAILS.keys if key.startswith("notice_")))
def test_an_email_to_staff_leads_to_the_service_and_says_nothing_about_patients(key, language):
    notice = EMAILS.get(key, language)

    assert notice.for_staff
    assert {slot for block in notice.body for slot in block.slots} <= {"clinic", "callby"}
    assert "https://care.example/flags" in email(key, language).text
    assert "/u/" not in email(key, language).text


def test_only_notices_and_a_new_password_are_for_staff():
    for_staff = {key for key in EMAILS.keys if EMAILS.get(key, EN).for_staff}

    assert for_staff == {key for key in EMAILS.keys if key.startswith("notice_")} | {"email_reset"}


@pytest.mark.parametrize(("key", "language"), EVERY_EMAIL)
def test_subjects_carry_no_health_detail(key, language):
    subject = email(key, language).subject.lower()

    words = "pain neck needl chest numb heat ice move_ dolor cuello aguja pecho calor hielo sangre"
    assert not [word for word in words.split() if word in subject.split()]
    assert "needl" not in subject
    assert len(subject) <= 60


@pytest.mark.parametrize(
    "key", ["routine", "routine_closed", "urgent", "urgent_closed", "emergency", "question"]
)
@pytest.mark.parametrize("language", list(Language))
def test_an_answer_to_a_worrying_message_begins_with_where_to_get_help(key, language):
    assert "911" in email(key, language).text.partition("\n\n")[0]


@pytest.mark.parametrize("key", ["checkin_48h", "checkin_96h_child"])
def test_a_check_in_leads_to_the_patients_own_page(key):
    sent = email(key)

    assert "Answer now:\nhttps://care.example/c/two\n" in sent.text
    assert Page(sent.html).attributes("a")[0]["href"] == "https://care.example/c/two"


@pytest.mark.parametrize(
    ("choices", "said", "unsaid"),
    [
        pytest.param({"heat_ice": "heat_only"}, "do not use ice", "do not use heat", id="heat"),
        pytest.param({"heat_ice": "ice_only"}, "do not use heat", "do not use ice", id="ice"),
        pytest.param({"heat_ice": "no_heat_ice"}, "do not use heat or ice", "pack", id="neither"),
        pytest.param(
            {"heat_ice": "heat_ice"}, "warm pack or a wrapped ice", "do not use", id="any"
        ),
        pytest.param({"fluid_limit": "yes"}, "limit your doctor gave", "water", id="fluid limit"),
        pytest.param({"fluid_limit": "no"}, "Keep sipping water", "doctor", id="drinks freely"),
        pytest.param({"chest": "yes"}, "trouble breathing", "water", id="near the lungs"),
        pytest.param({"chest": "no"}, "Worried before then?", "trouble breathing", id="far away"),
    ],
)
def test_the_first_note_says_what_is_right_for_this_patient(choices, said, unsaid):
    text = " ".join(email("email_day0", EN, **choices).text.split())

    assert said in text
    assert unsaid not in text


def test_a_patient_nothing_is_known_of_may_drink_and_gets_no_safety_box():
    slots = {"clinic": "Bayou", "phone": "281", "heat_ice": "ice_only"}

    text = render(EMAILS, "email_day0", EN, slots, links=LINKS).text

    assert "Keep sipping water" in text
    assert "trouble breathing" not in text


@pytest.mark.parametrize(
    ("key", "slots", "links", "missing"),
    [
        ("email_day0", {"clinic": "B", "phone": "1"}, LINKS, "heat_ice"),
        ("email_day0", VALUES | {"heat_ice": "fire"}, LINKS, "heat_ice"),
        ("email_day0", VALUES | {"chest": "perhaps"}, LINKS, "chest"),
        ("email_day1", {"clinic": "B", "phone": "1", "move": "walk"}, LINKS, "area"),
        ("thanks", {"clinic": "B"}, LINKS, "phone"),
        ("thanks", VALUES, EmailLinks(), "unsubscribe"),
        ("checkin_48h", VALUES, EmailLinks(unsubscribe="https://x"), "check_in"),
        ("notice_urgent", VALUES, EmailLinks(unsubscribe="https://x"), "app"),
    ],
)
def test_an_email_with_something_left_open_is_not_sent(key, slots, links, missing):
    with pytest.raises(MissingSlot, match=missing):
        render(EMAILS, key, EN, slots, links=links)


def test_an_email_nobody_wrote_is_refused_by_name():
    with pytest.raises(UnknownText, match="no_such_email"):
        email("no_such_email")


def test_what_people_typed_stays_words_in_the_html():
    sent = email("email_day1", EN, clinic="<b>B & B</b>", move='<img src="x">\n\nwalk')

    assert not Page(sent.html).attributes("img")
    assert not Page(sent.html).attributes("b")
    assert "&lt;b&gt;B &amp; B&lt;/b&gt;" in sent.html
    assert '- <img src="x"> walk\n' in sent.text


@pytest.mark.parametrize(("key", "language"), EVERY_EMAIL)
def test_the_html_can_be_read_by_everybody(key, language):
    page = Page(email(key, language).html)

    names = [tag for tag, _ in page.tags]
    assert page.attributes("html") == [{"lang": language.value}]
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    assert not {"img", "script", "style", "link", "form", "iframe", "table"} & set(names)
    styles = [attributes.get("style") or "" for _, attributes in page.tags]
    sizes = [int(size) for style in styles for size in re.findall(r"font-size: (\d+)px", style)]
    assert min(sizes) >= 16


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        pytest.param("#1a1a1a", "#ffffff", id="words"),
        pytest.param("#1a1a1a", "#fdf0f0", id="warnings"),
        pytest.param("#ffffff", "#0b4f8a", id="buttons"),
        pytest.param("#0b4f8a", "#ffffff", id="links"),
        pytest.param("#444444", "#ffffff", id="footer"),
    ],
)
def test_colours_have_the_contrast_that_weak_eyes_need(ink, paper):
    html = email("checkin_48h").html

    assert ink in html
    assert paper in html
    assert contrast(ink, paper) >= 7


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("key", sorted(EMAILS.keys | TEXTS.keys))
def test_english_can_be_read_after_six_years_of_school(key):
    words = " ".join(
        line if line.endswith((".", "?", "!", ":")) else f"{line}."
        for block in EMAILS.get(key, EN).body
        for line in block.words
    )
    assert grade(words) <= 6
    if key in TEXTS.keys:
        assert grade(TEXTS.get(key, EN)) <= 6


def grade(text: str) -> float:
    """The Flesch-Kincaid grade: the years of school that a text asks of its reader."""
    plain = re.sub(r"\{clinic\}:?", "We", text)
    plain = re.sub(r"\{\w+\}", "ten", plain)
    sentences = [part for part in re.split(r"[.!?:]+(?:\s|$)", plain) if re.search(r"\w", part)]
    words = re.findall(r"[A-Za-z']+|\d+", plain)
    syllables = sum(map(syllables_in, words))
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


def syllables_in(word: str) -> int:
    word = word.lower().removesuffix("es").removesuffix("ed").removesuffix("e")
    return max(1, len(re.findall(r"[aeiouy]+", word)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the approved emails that a test may spoil."""
    for language in Language:
        shutil.copy(protocol_folder(1) / f"emails.{language.value}.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "was", "becomes", "problem"),
    [
        pytest.param("es", "  thanks:", "  gracias:", "gracias: is in one language", id="lost"),
        pytest.param(
            "es", "llame al {phone} si algo", "llame si algo", "thanks: is not", id="slot"
        ),
        pytest.param("en", "to: check_in", "to: the_moon", "emails.checkin_48h.body.1", id="link"),
        pytest.param("en", "        to: check_in\n", "", "says where it leads", id="no link"),
        pytest.param("en", "heat_ice: ice_only", "heat_ice: fire", "'fire' is not a", id="choice"),
        pytest.param(
            "en", '"Please call us"', '"Call {phone}"', "call_missed.subject", id="subject"
        ),
        pytest.param("en", "Glad to help.", "Glad to help. {name}", "{name} is not a", id="name"),
        pytest.param("en", "version: 1", "version: 2", "is not version 1", id="version"),
        pytest.param("en", "heading: ", "headline: ", "exactly one of text, heading", id="kind"),
        pytest.param("en", "footer:", "foot:", "footer: Field required", id="footer"),
    ],
)
def test_a_spoiled_data_file_is_refused_with_the_reason(folder, file, was, becomes, problem):
    path = folder / f"emails.{file}.yaml"
    words = path.read_text(encoding="utf-8")
    assert was in words
    path.write_text(words.replace(was, becomes), encoding="utf-8")

    with pytest.raises(DataFileError, match=problem):
        read_emails(folder, 1)


def test_choices_are_the_forms_that_the_schedule_knows():
    heat_ice = load_protocol(1).step("heat_ice").wording

    assert CHOICES["heat_ice"] == set(heat_ice.keys)
