"""Patients over the API: everything about one, stopping their messages, and erasure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Depends, Query
from pydantic import BaseModel

from service.pathway import erasure, stopping
from service.pathway.export import export
from service.store.engine import empty_write_ahead_log
from service.web.api.held import PatientExport, export_view
from service.web.api.schemas import StopGiven
from service.web.deps import CallerClinic, CallerKey, Db, Now, WebParts, get_parts
from service.web.errors import described

router = APIRouter(prefix="/patients", tags=["patients"], responses=described(404))


class PatientStopped(BaseModel):
    """Whether sending to a patient is stopped; `cancelled` messages were planned until now."""

    id: UUID
    stopped_at: datetime | None
    cancelled: int


class PatientErased(BaseModel):
    """An erased patient; `open_flags` still wait to be closed by a person."""

    id: UUID
    erased_at: datetime
    cancelled: int
    open_flags: list[UUID]


@router.get("/{patient_id}/export")
def export_patient(
    patient_id: UUID, db: Db, caller: CallerKey, clinic: CallerClinic, now: Now
) -> PatientExport:
    """Everything held about one patient, as one document; that it was read is recorded."""
    return export_view(export(db, clinic, patient_id, by=caller.name, now=now))


@router.post("/{patient_id}/stop")
def stop(patient_id: UUID, given: StopGiven, db: Db, caller: CallerKey, now: Now) -> PatientStopped:
    """Stop all sending to a patient at once, as when they died or were admitted.

    What is planned is cancelled, and later sessions are recorded without messages, until `resume`.
    Stopping twice changes nothing.
    """
    stopped = stopping.stop(
        db, caller.clinic_id, patient_id, reason=given.reason, by=caller.name, now=now
    )
    return PatientStopped(
        id=patient_id, stopped_at=stopped.patient.stopped_at, cancelled=stopped.cancelled
    )


@router.post("/{patient_id}/resume")
def resume(patient_id: UUID, db: Db, caller: CallerKey, now: Now) -> PatientStopped:
    """Let the patient's next sessions have messages again; cancelled ones stay cancelled."""
    patient = stopping.resume(db, caller.clinic_id, patient_id, by=caller.name, now=now)
    return PatientStopped(id=patient_id, stopped_at=patient.stopped_at, cancelled=0)


@router.delete("/{patient_id}", responses=described(409))
def erase(
    patient_id: UUID,
    db: Db,
    caller: CallerKey,
    now: Now,
    parts: Annotated[WebParts, Depends(get_parts)],
    after: BackgroundTasks,
    *,
    force: Annotated[
        bool, Query(description="Erase even though somebody must still call: the flags are yours.")
    ] = False,
) -> PatientErased:
    """Erase a patient: names, numbers, texts and notes are gone, the opt-out stays.

    What is planned is cancelled. An open flag refuses it with 409: close it with a call first.
    Erasing twice changes nothing.
    """
    erased = erasure.erase(db, caller.clinic_id, patient_id, force=force, by=caller.name, now=now)
    # After the commit: an older page of the log may still hold what was erased.
    after.add_task(empty_write_ahead_log, parts.engine)
    return PatientErased(
        id=patient_id,
        erased_at=erased.patient.erased_at or now,
        cancelled=erased.cancelled,
        open_flags=[flag.id for flag in erased.open_flags],
    )
