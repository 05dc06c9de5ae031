"""A wrong setting stops the start, and the message says which."""

from pathlib import Path

import pytest

from service.settings import NAMES, WrongSetting, read_settings, unsafe_for_live

LIVE = {
    "AFTERCARE_MODE": "live",
    "AFTERCARE_PUBLIC_URL": "https://care.example",
    "AFTERCARE_SECRET_KEYS": "k" * 40,
    "AFTERCARE_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "AFTERCARE_TWILIO_AUTH_TOKEN": "t" * 32,
    "AFTERCARE_SMTP_URL": "smtp://mail.example:587",
    "AFTERCARE_IMAP_URL": "imaps://care:secret@mail.example",
}


def test_with_nothing_set_it_is_the_sandbox_on_sqlite():
    settings = read_settings({})

    assert (settings.mode, settings.speed) == ("sandbox", 1)
    assert settings.database_url == "sqlite:///aftercare.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AFTERCARE_MODE", "production"),
        ("AFTERCARE_SPEED", "fast"),
        ("AFTERCARE_SPEED", "0.5"),
        ("AFTERCARE_SECRET_KEYS", "short"),
        ("AFTERCARE_DATABASE_URL", "mysql://somewhere/db"),
        ("AFTERCARE_DATABASE_URL", "nonsense"),
        ("AFTERCARE_PUBLIC_URL_FILE", "/no/such/file"),
        ("AFTERCARE_SMTP_URL", "mail.example"),
        ("AFTERCARE_IMAP_URL", "imaps://mail.example"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str):
    with pytest.raises(WrongSetting, match=name):
        read_settings({name: value})


def test_time_never_runs_fast_for_real_patients():
    with pytest.raises(WrongSetting, match="AFTERCARE_SPEED"):
        read_settings(LIVE | {"AFTERCARE_SPEED": "3600"})


def test_a_secret_can_come_from_a_file(tmp_path: Path):
    (tmp_path / "keys").write_text("f" * 40 + "\n")

    settings = read_settings({"AFTERCARE_SECRET_KEYS_FILE": str(tmp_path / "keys")})

    assert settings.secret_keys == ("f" * 40,)


def test_a_token_may_be_replaced_while_both_are_believed():
    settings = read_settings({"AFTERCARE_TWILIO_AUTH_TOKEN": "new token, old token"})

    assert settings.twilio_auth_tokens == ("new token", "old token")


def test_a_complete_live_configuration_has_nothing_unsafe():
    assert unsafe_for_live(read_settings(LIVE)) == []


@pytest.mark.parametrize("missing", sorted(LIVE.keys() - {"AFTERCARE_IMAP_URL"}))
def test_each_missing_live_setting_is_told(missing: str):
    rest = {name: value for name, value in LIVE.items() if name != missing}

    problems = unsafe_for_live(read_settings(rest))

    assert [problem for problem in problems if missing in problem]


def test_a_stand_in_for_the_provider_is_unsafe():
    given = LIVE | {"AFTERCARE_TWILIO_API_URL": "http://127.0.0.1:4020"}

    assert "AFTERCARE_TWILIO_API_URL" in unsafe_for_live(read_settings(given))[0]


def test_the_readme_lists_every_setting():
    readme = (Path(__file__).parents[1] / "README.md").read_text()

    assert [name for name in NAMES if name not in readme] == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AFTERCARE_PUBLIC_URL", "http://care.example", "https://"),
        ("AFTERCARE_PUBLIC_URL", "https://care.example/aftercare", "host alone"),
        ("AFTERCARE_PUBLIC_URL", "https://localhost:8443", "patients see"),
        ("AFTERCARE_SMTP_URL", "smtp://mail.example:587?starttls=no", "in the clear"),
        ("AFTERCARE_IMAP_URL", "imap://care:secret@mail.example?starttls=no", "in the clear"),
    ],
)
def test_an_address_that_others_could_read_along_is_unsafe(name: str, value: str, said: str):
    (problem,) = unsafe_for_live(read_settings(LIVE | {name: value}))

    assert problem.startswith(name)
    assert said in problem
    assert "secret" not in problem
