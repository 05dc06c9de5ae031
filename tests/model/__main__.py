"""Plays stories for long: `python -m tests.model --examples 500`, on each database."""

from __future__ import annotations

import argparse
import tempfile

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from service.store.engine import open_engine
from service.store.schema import migrate
from service.store.secrets import Vault
from tests.conftest import SECRET
from tests.model.machine import ClinicMachine
from tests.model.test_machine import SHORT
from tests.postgres import postgres_server


def main() -> None:
    """Play so many stories of so many steps; a broken one is shrunk and printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    long = settings(
        SHORT, max_examples=given.examples, stateful_step_count=given.steps, derandomize=False
    )
    with tempfile.TemporaryDirectory() as folder, postgres_server() as server:
        for url in (f"sqlite:///{folder}/model.db", f"{server}/postgres"):
            engine = open_engine(url, Vault([SECRET]))
            migrate(engine)
            run_state_machine_as_test(lambda: ClinicMachine(engine), settings=long)  # noqa: B023
            print(f"{given.examples} stories on {engine.dialect.name}: nothing broke")
            engine.dispose()


if __name__ == "__main__":
    main()
