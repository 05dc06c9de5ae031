"""Every table, for those who need them all at once: the migrations and their test."""

from service.store import (
    audit,
    clinics,
    flags,
    messages,
    patients,
    protocols,
    replies,
    sandbox_clock,
    sessions,
    workers,
)
from service.store.base import Base

__all__ = [
    "audit",
    "clinics",
    "flags",
    "messages",
    "metadata",
    "patients",
    "protocols",
    "replies",
    "sandbox_clock",
    "sessions",
    "workers",
]

metadata = Base.metadata
