"""The container files agree with each other, with the commands and with the settings.

No engine runs here: the files are read, and everything they name is looked up.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.main import get_command

from service.cli import app
from service.sandbox.phone_network import SANDBOX_ACCOUNT, SANDBOX_TOKEN
from service.settings import NAMES

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("build")}
COMMANDS = {name: one for name, one in OURS.items() if "entrypoint" not in one}
SECRETS_README = (ROOT / "secrets" / "README.md").read_text()


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def ignored(path: str) -> bool:
    """Whether the image is built without this file: the last rule that fits decides."""
    out = False
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = rule.removeprefix("!")
        if rule and not rule.startswith("#") and fnmatch(path, pattern):
            out = not rule.startswith("!")
    return out


def test_the_compose_file_is_one_by_the_specification():
    schema = json.loads((ROOT / "tests/contracts/compose_spec.json").read_text())

    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


def test_web_two_workers_and_a_database_are_there():
    assert {"web", "worker", "database", "mail", "migrate"} <= set(SERVICES)
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_each_service_runs_a_real_command_with_real_options(name: str):
    word, *options = COMMANDS[name]["command"]

    get_command(app).commands[word].make_context(word, list(options))  # type: ignore[attr-defined]


def test_the_pretend_phones_are_tried_out_with_secrets_that_fit():
    assert SERVICES["phones"]["profiles"] == ["trial"]
    assert SANDBOX_TOKEN in SECRETS_README
    assert SANDBOX_ACCOUNT in SECRETS_README


@pytest.mark.parametrize("name", OURS)
def test_each_variable_is_a_setting_and_each_secret_a_file_that_is_explained(name: str):
    service = OURS[name]
    given = set(service["secrets"])

    for variable, value in service["environment"].items():
        assert variable.removesuffix("_FILE") in NAMES
        if variable.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in given
    for secret in given:
        file = COMPOSE["secrets"][secret]["file"]
        assert f"`{Path(file).name}`" in SECRETS_README
        assert ignored(file)


def test_no_secret_is_written_into_the_compose_file():
    secret = ("SECRET_KEYS", "AUTH_TOKEN", "DATABASE_URL", "SMTP_URL", "IMAP_URL", "PASSWORD")
    written = {
        variable
        for service in SERVICES.values()
        for variable in service.get("environment", {})
        if variable.endswith(secret)
    }

    assert written == set()


def test_everything_that_is_waited_for_is_there_and_migration_comes_first():
    for service in SERVICES.values():
        for awaited, how in service.get("depends_on", {}).items():
            assert awaited in SERVICES
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[awaited]
    for name in ("web", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"] == {
            "condition": "service_completed_successfully"
        }


def test_what_runs_patients_data_can_change_nothing_in_its_image():
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_ports_agree_and_are_open_to_this_machine_only():
    web = SERVICES["web"]
    port = web["command"][web["command"].index("--port") + 1]

    assert ("EXPOSE", port) in instructions()
    assert f"http://127.0.0.1:{port}/readyz" in web["healthcheck"]["test"][-1]
    for service in SERVICES.values():
        for published in service.get("ports", ()):
            assert published.startswith("127.0.0.1:")
    assert web["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_is_built_from_files_that_are_there():
    stages = set()
    for word, rest in instructions():
        if word == "FROM" and " AS " in rest:
            stages.add(rest.rpartition(" ")[2])
        if word != "COPY":
            continue
        *sources, _ = rest.split()
        if sources[0].startswith("--from="):
            assert sources[0].removeprefix("--from=") in stages
            continue
        for source in sources:
            assert (ROOT / source).exists()
            assert not ignored(source)


def test_the_image_is_one_that_a_builder_understands_and_runs_as_nobody_special():
    found = instructions()
    words = [word for word, _ in found]
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD"}

    assert set(words) <= known
    assert words[0] == "FROM"
    user = [rest for word, rest in found if word == "USER"][-1]
    assert user not in ("root", "0")
    entry = json.loads(dict(found)["ENTRYPOINT"])
    word, *options = json.loads(dict(found)["CMD"])
    assert entry == ["aftercare"]
    get_command(app).commands[word].make_context(word, options)  # type: ignore[attr-defined]


def test_no_secret_and_no_database_gets_into_the_image():
    for path in ("secrets/secret_keys", "aftercare.db", ".env", ".git", "aftercare.sandbox-secret"):
        assert ignored(path)
