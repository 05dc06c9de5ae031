"""Browsers in which staff look at their pages, and the people who use them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from service.domain.values import Role
from service.pathway.administration import create_staff
from service.pathway.invitations import sample_account
from service.store.clinics import Clinic, Staff
from tests.make import NOON

PASSWORD = "four unrelated words here"
URL = "https://care.example"


@dataclass
class Moment:
    """A clock that is moved by hand."""

    now: datetime = field(default=NOON)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Person:
    """Someone who works at a clinic."""

    staff_id: UUID
    clinic_id: UUID
    email: str


def a_person(db: Session, clinic: Clinic, email: str, role: Role, **more: Any) -> Person:
    """Add somebody who signs in with `PASSWORD` alone, as the sandbox's samples do."""
    staff: Staff = create_staff(db, clinic, email=email, role=role, now=NOON, **more)
    sample_account(db, staff, PASSWORD, NOON)
    return Person(staff.id, clinic.id, email)


def form_token(page: Any) -> str:
    """Return what a form of this page sends back."""
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def send(browser: TestClient, page: str, path: str, **fields: Any) -> Any:
    """Fill in a form of `page` and send it to `path`, as a browser does."""
    token = form_token(browser.get(page))
    return browser.post(
        path,
        data={"form_token": token} | fields,
        headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html"},
    )


def sign_in(browser: TestClient, email: str, password: str = PASSWORD) -> Any:
    """Type an email and a password on the page for it."""
    return send(browser, "/sign-in", "/sign-in", email=email, password=password)
