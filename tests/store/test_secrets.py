"""A stolen database tells nothing, and secrets can be changed."""

import pytest
from sqlalchemy import text

from service.domain.values import Channel
from service.store.patients import address_for, address_of
from service.store.secrets import Unreadable, Vault
from tests.make import NOON, a_clinic

OLD, NEW = "o" * 40, "n" * 40


def test_what_is_sealed_with_the_old_secret_opens_with_the_new_one_beside_it():
    sealed = Vault([OLD]).seal(b"Ana", "patient.first_name")

    rotated = Vault([NEW, OLD])

    assert rotated.unseal(sealed, "patient.first_name") == b"Ana"
    assert not rotated.is_current(sealed)
    assert rotated.is_current(rotated.seal(b"Ana", "patient.first_name"))


def test_a_retired_secret_opens_nothing():
    sealed = Vault([OLD]).seal(b"Ana", "patient.first_name")

    with pytest.raises(Unreadable):
        Vault([NEW]).unseal(sealed, "patient.first_name")


def test_a_value_moved_to_another_column_does_not_open():
    vault = Vault([OLD])

    with pytest.raises(Unreadable):
        vault.unseal(vault.seal(b"Ana", "patient.first_name"), "reply.body")


def test_short_secrets_are_refused():
    with pytest.raises(ValueError, match="at least 32 characters"):
        Vault(["short"])


def test_a_number_is_found_again_and_never_stored_in_the_clear(sessions, engine):
    with sessions.begin() as db:
        clinic = a_clinic(db)
        added = address_for(db, clinic.id, Channel.SMS, "+12815550123", NOON)
        clinic_id, address_id = clinic.id, added.id

    with sessions.begin() as db:
        found = address_of(db, clinic_id, Channel.SMS, "+12815550123")
        assert found is not None
        assert (found.id, found.value) == (address_id, "+12815550123")
    with engine.connect() as connection:
        row = connection.execute(text("SELECT value, lookup_hash FROM address")).one()
    assert b"5550123" not in bytes(row.value) + bytes(row.lookup_hash)


def test_the_same_number_belongs_to_each_clinic_separately(sessions):
    with sessions.begin() as db:
        one, other = a_clinic(db), a_clinic(db, sender="+12815550001")
        address_for(db, one.id, Channel.SMS, "+12815550123", NOON)

        assert address_of(db, other.id, Channel.SMS, "+12815550123") is None
