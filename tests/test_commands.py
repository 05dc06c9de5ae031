"""The commands set a clinic up, and say in one line what a person can mend."""

import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from service import logs
from service.cli import main
from service.domain.triage.rules import DATA
from tests.test_settings import LIVE


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def aftercare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """Run the command in an empty folder, with nothing configured but what is given."""
    monkeypatch.chdir(tmp_path)
    # What the logs' set-up takes over is given back afterwards.
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    for name in [name for name in os.environ if name.startswith("AFTERCARE_")]:
        monkeypatch.delenv(name)

    def run(*words: str, **settings: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aftercare", *words])
        with pytest.MonkeyPatch.context() as given:
            for name, value in settings.items():
                given.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    levels = {name: logging.getLogger(name).level for name in logs.SILENT}
    yield run
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_it_runs_as_a_program_of_its_own(tmp_path: Path):
    ended = subprocess.run(
        [sys.executable, "-m", "service", "clinic", "list"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "aftercare migrate" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_clinic_its_staff_and_a_key_are_set_up(aftercare, tmp_path: Path):
    assert aftercare("migrate").returncode == 0

    created = aftercare("clinic", "create", "--name", "Bayou", "--time-zone", "America/Chicago")
    staff = aftercare(
        "staff", "create", "--clinic", "Bayou", "--email", "sam@bayou.example", "--role", "admin"
    )
    key = aftercare("api-key", "create", "--clinic", "Bayou")

    assert (created.returncode, staff.returncode, key.returncode) == (0, 0, 0)
    assert "Bayou" in aftercare("clinic", "list").stdout
    assert "sam@bayou.example" in aftercare("staff", "list", "--clinic", "Bayou").stdout
    token = key.stdout.splitlines()[-1]
    assert token.startswith("ak_")
    assert token.encode() not in (tmp_path / "aftercare.db").read_bytes()
    assert b"sam@bayou.example" not in (tmp_path / "aftercare.db").read_bytes()


def test_a_disabled_key_is_listed_as_disabled(aftercare):
    aftercare("migrate")
    aftercare("clinic", "create", "--name", "Bayou", "--time-zone", "America/Chicago")
    aftercare("api-key", "create", "--clinic", "Bayou")
    key_id = aftercare("api-key", "list", "--clinic", "Bayou").stdout.split("\t")[0]

    assert aftercare("api-key", "disable", "--clinic", "Bayou", key_id).returncode == 0

    assert "disabled" in aftercare("api-key", "list", "--clinic", "Bayou").stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("clinic", "create", "--name", "Bayou", "--time-zone", "Mars/Base"), "time-zone"),
        (("api-key", "create", "--clinic", "Nowhere"), "clinic"),
    ],
)
def test_what_a_person_can_mend_is_one_line(aftercare, words, named):
    aftercare("migrate")

    result = aftercare(*words)

    assert result.returncode == 1
    assert named in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_new_database_asks_to_be_migrated(aftercare):
    result = aftercare("clinic", "list")

    assert result.returncode == 1
    assert "aftercare migrate" in result.stderr


def test_check_names_what_is_missing_for_live_use(aftercare):
    result = aftercare("check")

    assert result.returncode == 1
    assert "AFTERCARE_SECRET_KEYS" in result.stdout


def test_check_says_where_mail_relays_post_answers_to(aftercare):
    result = aftercare(
        "check", AFTERCARE_SECRET_KEYS="k" * 40, AFTERCARE_PUBLIC_URL="https://care.example"
    )

    assert "https://care.example/webhooks/email/inbound/" in result.stdout


def test_a_wrong_setting_stops_the_start_by_name(aftercare):
    result = aftercare("migrate", AFTERCARE_SPEED="soon")

    assert result.returncode == 1
    assert "AFTERCARE_SPEED" in result.stderr


def test_replies_are_read_in_the_order_they_came(aftercare, tmp_path: Path):
    rows = [
        {"id": "1", "lang": "en", "checkin": "48h", "baseline": 5, "text": "its a 3, better"},
        {"id": "2", "lang": "es", "checkin": "none", "text": "me falta el aire"},
    ]
    (tmp_path / "replies.jsonl").write_text("\n".join(json.dumps(row) for row in rows))

    result = aftercare("triage", "replies.jsonl")

    read = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["id"], row["level"]) for row in read] == [("1", "ok"), ("2", "emergency")]
    assert (read[0]["score"], read[1]["flags"]) == (3, ["breathing"])
    assert set(read[0]) == {"id", "level", "flags", "score", "opt_out", "evidence"}


def test_labelled_replies_give_figures(aftercare, tmp_path: Path):
    row = {"id": "1", "lang": "en", "checkin": "none", "text": "cant breathe", "score": None}
    row |= {"level": "emergency", "accept": ["emergency"], "flags": ["breathing"], "opt_out": False}
    (tmp_path / "replies.jsonl").write_text(json.dumps(row))

    result = aftercare("triage", "--evaluate", "replies.jsonl")

    assert json.loads(result.stdout)["figures"]["emergency_found"]["share"] == 1.0


def test_a_line_that_is_no_reply_is_named(aftercare, tmp_path: Path):
    (tmp_path / "replies.jsonl").write_text('{"id": "1"}')

    result = aftercare("triage", "replies.jsonl")

    assert result.returncode == 1
    assert "line 1" in result.stderr


def test_a_change_of_rules_is_told_reply_by_reply_and_summed_up(aftercare, tmp_path: Path):
    without_nerves = tmp_path / "draft"
    without_nerves.mkdir()
    for path in DATA.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        document["families"] = [
            family for family in document.get("families", []) if family.get("category") != "nerve"
        ]
        (without_nerves / path.name).write_text(json.dumps(document), encoding="utf-8")
    rows = [{"id": "1", "text": "2 numb"}, {"id": "2", "checkin": "48h", "text": "2"}]
    (tmp_path / "replies.jsonl").write_text("\n".join(json.dumps(row) for row in rows))

    result = aftercare("triage", "--compare", "draft", "current", "replies.jsonl")

    (changed,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (changed["id"], changed["new"]["flags"]) == ("1", ["nerve"])
    assert "2 replies, 1 read differently (1 more urgent" in result.stderr
    assert result.returncode == 0


@pytest.mark.parametrize("wrong", ["0.9.0", "."])
def test_rules_that_are_not_there_are_named(aftercare, tmp_path: Path, wrong: str):
    (tmp_path / "replies.jsonl").write_text('{"id": "1", "text": "2"}')

    result = aftercare("triage", "--compare", "current", wrong, "replies.jsonl")

    assert result.returncode == 1
    assert result.stderr.startswith(f"{wrong}: ")
    assert len(result.stderr.strip().splitlines()) == 1


def test_check_is_content_once_everything_is_there(aftercare):
    before = aftercare("check", **LIVE)
    aftercare("migrate", **LIVE)

    after = aftercare("check", **LIVE)

    assert before.returncode == 1
    assert "There is no database yet" in before.stdout
    assert (after.returncode, after.stdout.splitlines()[-1][:19]) == (0, "Nothing is missing:")


def test_check_tells_of_a_database_that_does_not_answer(aftercare):
    nobody = LIVE | {"AFTERCARE_DATABASE_URL": "postgresql://care:canary@127.0.0.1:9/care"}

    result = aftercare("check", **nobody)

    assert result.returncode == 1
    assert result.stdout.count("does not answer") == 1
    assert "canary" not in result.stdout + result.stderr


def test_a_wrong_setting_is_one_of_the_things_to_mend(aftercare):
    result = aftercare("check", AFTERCARE_SPEED="soon")

    assert result.returncode == 1
    assert "  - AFTERCARE_SPEED" in result.stdout


@pytest.mark.parametrize("command", ["web", "worker", "serve"])
def test_live_does_not_start_on_what_is_unsafe(aftercare, tmp_path: Path, command: str):
    result = aftercare(command, **(LIVE | {"AFTERCARE_PUBLIC_URL": "http://care.example"}))

    assert result.returncode == 1
    assert "AFTERCARE_PUBLIC_URL" in result.stderr
    assert not (tmp_path / "aftercare.db").exists()


def test_the_sandbox_is_refused_where_real_patients_are(aftercare, tmp_path: Path):
    refused = aftercare("sandbox", **LIVE | {"AFTERCARE_DATABASE_URL": "sqlite:///live.db"})

    assert refused.returncode == 1
    assert "does not run in live mode" in refused.stderr
    assert not (tmp_path / "live.db").exists()


def test_a_backup_makes_a_new_database_that_waits_for_the_provider(aftercare, tmp_path: Path):
    aftercare("migrate", **LIVE)
    aftercare("clinic", "create", "--name", "Bayou", "--time-zone", "America/Chicago", **LIVE)
    new = LIVE | {"AFTERCARE_DATABASE_URL": "sqlite:///new.db"}

    made = aftercare("backup", "copy.aftercare", **LIVE)
    again = aftercare("backup", "copy.aftercare", **LIVE)
    restored = aftercare("restore", "copy.aftercare", **new)
    checked = aftercare("check", **new)

    assert (made.returncode, restored.returncode) == (0, 0)
    assert "rows of" in made.stdout
    assert (again.returncode, len(again.stderr.strip().splitlines())) == (1, 1)
    assert "Bayou" in aftercare("clinic", "list", **new).stdout
    assert "Sending is paused after a restore" in checked.stdout


def test_a_backup_cannot_be_restored_with_another_key(aftercare, tmp_path: Path):
    aftercare("migrate", **LIVE)
    aftercare("backup", "copy.aftercare", **LIVE)
    other = {"AFTERCARE_DATABASE_URL": "sqlite:///new.db", "AFTERCARE_SECRET_KEYS": "o" * 40}

    refused = aftercare("restore", "copy.aftercare", **LIVE | other)

    assert refused.returncode == 1
    assert "AFTERCARE_SECRET_KEYS" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new.db").exists()


def test_without_a_database_there_is_nothing_to_back_up(aftercare, tmp_path: Path):
    refused = aftercare("backup", "copy.aftercare")

    assert refused.returncode == 1
    assert "aftercare migrate" in refused.stderr
    assert not (tmp_path / "aftercare.db").exists()
