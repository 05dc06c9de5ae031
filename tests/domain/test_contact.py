"""Numbers and addresses as people really write them."""

from __future__ import annotations

import pytest

from service.domain.contact import ContactError, parse_email, parse_phone


@pytest.mark.parametrize(
    "written",
    [
        "+12815550123",
        "(281) 555-0123",
        "281.555.0123",
        "1 281 555 0123",
        "001 281-555-0123"[2:],
        " 281 555 0123 ",
        "tel:+1-281-555-0123",
        "２８１ ５５５ ０１２３",
        "\u202a+1 (281) 555-0123\u202c",
    ],
)
def test_one_number_written_many_ways_is_one_number(written):
    assert parse_phone(written) == "+12815550123"


def test_a_number_from_abroad_keeps_its_country():
    assert parse_phone("+52 55 1234 5678") == "+525512345678"
    assert parse_phone("55 1234 5678", region="MX") == "+525512345678"


@pytest.mark.parametrize("written", ["", "none", "911", "555-0123", "+1281555012", "1" * 400])
def test_what_is_no_phone_number_is_refused(written):
    with pytest.raises(ContactError, match="is not a phone number") as refusal:
        parse_phone(written)

    assert refusal.value.field == "phone"


def test_a_number_behind_a_switchboard_cannot_be_texted():
    with pytest.raises(ContactError, match="extension"):
        parse_phone("281-555-0123 ext. 7")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param("ana@clinic.com", "ana@clinic.com", id="as written"),
        pytest.param(" Ana.Lopez+care@Clinic.COM ", "Ana.Lopez+care@clinic.com", id="capitals"),
        pytest.param("ana@clínica.com", "ana@xn--clnica-4va.com", id="foreign domain"),
    ],
)
def test_an_address_is_kept_in_its_usual_form(written, kept):
    assert parse_email(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ana",
        "ana@",
        "@clinic.com",
        "a@b@c.com",
        "ana@clinic",
        "añá@clinic.com",
        "a b@c.com",
        "ana@clinic.com\nBcc: all@clinic.com",
    ],
)
def test_what_is_no_address_is_refused(written):
    with pytest.raises(ContactError, match="is not an email address") as refusal:
        parse_email(written)

    assert refusal.value.field == "email"
