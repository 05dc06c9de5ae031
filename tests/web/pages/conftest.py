"""The patient's pages on each database, with a check-in that went out an hour ago."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from service.app import reply_rules
from service.domain.values import Channel
from service.pathway.links import Links
from service.store.engine import Sessions, open_sessions
from service.store.patients import Consent
from service.web.deps import WebParts
from service.web.pages.check_in import router as check_in_pages
from service.web.pages.patient import router as patient_pages
from service.web.pages.unsubscribe import router as unsubscribe_pages
from service.web.site import build_site
from tests.conftest import SECRET
from tests.make import NOON, a_clinic
from tests.pathway.builders import a_patient, a_sent_checkin, a_session
from tests.web.conftest import Sites

LINKS = Links("https://care.example", [SECRET])


@dataclass
class Moment:
    """The clinic's clock, moved by hand."""

    now: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Ana:
    """Whose pages are looked at, and the ids behind her links."""

    clinic_id: UUID
    patient_id: UUID
    address_id: UUID
    session_id: UUID
    checkin_id: UUID

    @property
    def check_in(self) -> str:
        return path(LINKS.check_in_url(self.checkin_id))

    @property
    def unsubscribe(self) -> str:
        return path(LINKS.unsubscribe_url(self.address_id))

    @property
    def own_page(self) -> str:
        return path(LINKS.patient_page_url(self.patient_id))


def path(url: str) -> str:
    return url.removeprefix("https://care.example")


CLOCK = Moment()


@pytest.fixture
def clock() -> Moment:
    CLOCK.now = NOON
    return CLOCK


@pytest.fixture
def browser(engine: Engine, sites: Sites, clock: Moment) -> Iterator[TestClient]:
    """A browser that follows where it is sent, as every browser does."""
    if ("patients", engine) not in sites:
        sites["patients", engine] = _patients_site(engine, clock)
    with TestClient(sites["patients", engine], raise_server_exceptions=False) as client:
        yield client


def _patients_site(engine: Engine, clock: Moment) -> FastAPI:
    web = WebParts(engine, open_sessions(engine), clock, public_url="https://care.example")
    rules = reply_rules()
    pages = (
        check_in_pages(LINKS, rules),
        unsubscribe_pages(LINKS),
        patient_pages(LINKS, rules),
    )
    return build_site(web, *pages)


@pytest.fixture
def ana(sessions: Sessions) -> Ana:
    """A patient whose back was needled two days ago, and who was asked how she is."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        patient = a_patient(db, clinic)
        db.add(
            Consent(
                clinic_id=clinic.id,
                patient_id=patient.id,
                sms=True,
                email=False,
                details=False,
                recorded_at=NOON,
                recorded_by="test",
                wording_version=1,
            )
        )
        session = a_session(db, patient)
        checkin = a_sent_checkin(db, session, patient)
        assert checkin.channel is Channel.SMS
        assert patient.phone_address_id is not None
        return Ana(clinic.id, patient.id, patient.phone_address_id, session.id, checkin.id)
