"""The audit trail shows every change made to it."""

from sqlalchemy import select

from service.store import audit
from tests.make import NOON, a_clinic


def _three_entries(db):
    clinic = a_clinic(db)
    for action in ("enrolled", "opted_out", "flag_raised"):
        audit.record(
            db, clinic_id=clinic.id, at=NOON, actor="test", action=action, subject="patient:1"
        )
    db.flush()


def test_an_untouched_trail_verifies(sessions):
    with sessions.begin() as db:
        _three_entries(db)

        assert audit.chain_entries(db) == 3
        assert audit.chain_entries(db) == 0
        assert audit.first_broken(db) is None


def test_a_changed_entry_is_named(sessions):
    with sessions.begin() as db:
        _three_entries(db)
        audit.chain_entries(db)
        second = db.scalars(select(audit.AuditEntry).where(audit.AuditEntry.position == 2)).one()
        second.actor = "somebody else"
        db.flush()

        assert audit.first_broken(db) == 2


def test_a_missing_entry_is_noticed(sessions):
    with sessions.begin() as db:
        _three_entries(db)
        audit.chain_entries(db)
        db.delete(db.scalars(select(audit.AuditEntry).where(audit.AuditEntry.position == 2)).one())
        db.flush()

        assert audit.first_broken(db) == 2
