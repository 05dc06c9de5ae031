"""Numbers and addresses, whatever is typed: taken in one form only, or refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.contact import ContactError, parse_email, parse_phone, spoken_phone

SHORT = settings(max_examples=200, derandomize=True, deadline=None)
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
_SIGNS = st.sampled_from([*"0123456789+-.()/ ;,x#*p\0\u200e\u202a\xa0", "٣", "３", "ext.", "tel:"])
numbers = st.lists(_SIGNS, max_size=30).map("".join) | st.text(max_size=300)
_LETTERS = st.sampled_from(
    [*'aB9@.@._+-"()<>, \0\r\n\u200b', "ñ", "＠", "。", "xn--", "[127.0.0.1]"]
)
addresses = st.lists(_LETTERS, max_size=30).map("".join) | st.text(max_size=300) | st.emails()


_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
"""The webhook takes texts from numbers of this form, so whoever is enrolled can answer."""


def taken(parse: Callable[[str], str], typed: str) -> str | None:
    """What is kept of what was typed; None when it is refused, as it may be."""
    try:
        return parse(typed)
    except ContactError:
        return None


@SHORT
@given(typed=numbers, region=st.sampled_from(REGIONS))
def test_what_is_typed_for_a_number_is_taken_in_one_form_or_refused(typed: str, region: str):
    parse = partial(parse_phone, region=region)

    number = taken(parse, typed)

    assert number is None or (_E164.fullmatch(number) and taken(parse, number) == number)


def test_a_mobile_number_of_any_country_is_taken_however_it_is_written():
    styles = phonenumbers.PhoneNumberFormat
    for region in REGIONS:
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is None:
            continue

        forms = {
            parse_phone(phonenumbers.format_number(number, style), region)
            for style in (styles.E164, styles.INTERNATIONAL, styles.NATIONAL, styles.RFC3966)
        }

        assert len(forms) == 1, region
        assert _E164.fullmatch(forms.pop()), region


@SHORT
@given(st.integers(200, 999), st.integers(200, 999), st.integers(0, 9999), st.data())
def test_signs_between_the_digits_change_no_number(
    area: int, office: int, last: int, data: st.DataObject
):
    digits = f"{area}{office}{last:04}"
    between = st.text("-. ()\xa0\u2011", max_size=2)
    spread = "".join(digit + data.draw(between) for digit in digits)

    assert taken(parse_phone, f"+1 {spread}") == taken(parse_phone, f"+1{digits}")


@SHORT
@given(numbers)
def test_any_number_can_be_read_aloud(number: str):
    assert isinstance(spoken_phone(number), str)


@SHORT
@given(addresses)
def test_what_is_typed_for_an_address_is_taken_in_one_form_or_refused(typed: str):
    address = taken(parse_email, typed)

    if address is not None:
        assert address.isascii()
        assert address.count("@") == 1
        assert not re.search(r"[\s\0<>]", address)
        assert taken(parse_email, address) == address
