"""Numbers and addresses as people write them."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_HOME_CODE = 1
"""The United States' country code."""


class ContactError(ValueError):
    """A number or address cannot be used; `field` names which, the message what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse_phone(text: str, region: str = "US") -> str:
    """Return the number in E.164; without a country code it is `region`'s.

    Raises `ContactError`, also for an extension: a text cannot be sent behind a switchboard.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise ContactError("phone", "is not a phone number; write it like +1 281 555 0123")
    if number.extension:
        raise ContactError("phone", "has an extension; give a number without one")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def spoken_phone(number: str) -> str:
    """Return an E.164 number as people read it aloud: `(281) 555-0123`, foreign ones with `+`."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    home = parsed.country_code == _HOME_CODE
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, style.NATIONAL if home else style.INTERNATIONAL)


def parse_email(text: str) -> str:
    """Return the address in its usual form, a foreign domain in ASCII; raises `ContactError`.

    Whether the mailbox exists is not asked: only the first mail can tell.
    """
    try:
        # Not every mail server takes letters outside ASCII before the @.
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ContactError("email", "is not an email address; write it like a@b.com") from error
    return found.ascii_email or found.normalized
