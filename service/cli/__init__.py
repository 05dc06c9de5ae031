"""The `aftercare` command: every command in its place, and how a failure is told."""

from __future__ import annotations

import structlog
import typer
from sqlalchemy.exc import OperationalError

from service.bench import bench_app
from service.cli import backups, checking, people, running, triage
from service.cli.opening import fail
from service.logs import set_up_logs
from service.parts import NoSecrets, NotInLive
from service.pathway.administration import NotPossible
from service.settings import WrongSetting

_log = structlog.get_logger()
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Aftercare for dry-needling clinics.",
)
for command in (
    running.migrate,
    checking.check,
    backups.backup,
    backups.restore,
    running.web,
    running.worker,
    running.serve,
    running.sandbox,
    triage.triage,
):
    app.command()(command)
app.add_typer(people.clinic_app, name="clinic")
app.add_typer(people.staff_app, name="staff")
app.add_typer(people.api_key_app, name="api-key")
app.add_typer(bench_app, name="bench")


def main() -> None:
    """Run the command; what a person can mend is one line on standard error and exit code 1."""
    set_up_logs()
    try:
        app()
    except (WrongSetting, NoSecrets, NotInLive, NotPossible) as error:
        fail(str(error))
    except OperationalError:
        fail(
            "The database cannot be used. Check AFTERCARE_DATABASE_URL, and run "
            "`aftercare migrate` if it is new."
        )
    except Exception:
        _log.critical("command_failed", exc_info=True)
        fail("Something went wrong; the line above says where.")
