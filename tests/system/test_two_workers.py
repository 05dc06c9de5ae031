"""The real processes as a clinic group runs them: web and two workers on PostgreSQL."""

from __future__ import annotations

import httpx
import pytest

from service.pathway.administration import create_api_key
from service.store.engine import Sessions
from tests.make import a_clinic
from tests.system.house import House
from tests.system.story import SPEED, Clinic, play_four_days, start_the_clock

pytestmark = pytest.mark.slow
CLINIC = "+12815550000"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.long
def test_four_days_with_two_workers(house: House, sessions: Sessions):
    house.speed = SPEED
    clinic_now = start_the_clock(sessions, starting_up=8)
    with sessions.begin() as db:
        clinic = a_clinic(db, sender=CLINIC)
        _, key = create_api_key(db, clinic, name="front desk", now=clinic_now())
    house.sandbox()
    workers = [house.worker(), house.worker()]
    house.web()

    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=house.public_url, headers=headers, timeout=30) as api:

        def write(phone: str, body: str) -> None:
            house.control("POST", "texts", phone=phone, clinic=CLINIC, body=body)

        play_four_days(Clinic(api, write, house.journal), clinic_now, sessions)
        assert api.get("/readyz").status_code == 200

    assert [house.stop(worker) for worker in workers] == [0, 0]
