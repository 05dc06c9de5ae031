"""Every table, for those who need them all at once: the migrations and their test."""

from service.store import (
    accounts,
    audit,
    clinics,
    editions,
    flags,
    messages,
    patients,
    protocols,
    replies,
    sandbox_clock,
    sessions,
    sign_ins,
    workers,
)
from service.store.base import Base

__all__ = [
    "accounts",
    "audit",
    "clinics",
    "editions",
    "flags",
    "messages",
    "metadata",
    "patients",
    "protocols",
    "replies",
    "sandbox_clock",
    "sessions",
    "sign_ins",
    "workers",
]

metadata = Base.metadata
