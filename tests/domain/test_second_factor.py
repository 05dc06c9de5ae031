"""Codes of an authenticator app are right for a minute, and each is right once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from service.domain.second_factor import enrolment_uri, matching_step

RFC_6238 = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        # RFC 6238 Appendix B, SHA-1; the last six of the eight digits there.
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(seconds, code):
    now = datetime.fromtimestamp(seconds, UTC)

    assert matching_step(RFC_6238, code, now, last_step=0) == seconds // 30


NOW = datetime(2026, 3, 3, 18, 0, 10, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        pytest.param(-2, False, id="too old"),
        pytest.param(-1, True, id="typed slowly"),
        pytest.param(0, True, id="now"),
        pytest.param(1, False, id="not yet"),
    ],
)
def test_a_code_is_right_for_its_step_and_the_next(steps, taken):
    code = pyotp.TOTP(RFC_6238).at(NOW + timedelta(seconds=30 * steps))

    found = matching_step(RFC_6238, code, NOW, last_step=0)

    assert found == (STEP + steps if taken else None)


def test_a_code_is_used_up_with_its_step():
    code = pyotp.TOTP(RFC_6238).at(NOW)

    assert matching_step(RFC_6238, code, NOW, last_step=STEP) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_is_refused(code):
    assert matching_step(RFC_6238, code, NOW, last_step=0) is None


def test_a_code_may_be_typed_with_a_space():
    code = pyotp.TOTP(RFC_6238).at(NOW)

    assert matching_step(RFC_6238, f"{code[:3]} {code[3:]}", NOW, last_step=0) == STEP


def test_the_qr_code_names_the_service_and_the_person():
    uri = enrolment_uri(RFC_6238, "jo@bayou.example")

    assert uri.startswith("otpauth://totp/Aftercare:jo%40bayou.example?")
    assert "issuer=Aftercare" in uri
