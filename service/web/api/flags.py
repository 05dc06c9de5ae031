"""Flags over the API: the list, who has one, and the calls that end them."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter

from service.domain.values import FlagState
from service.pathway import callbacks
from service.store.flags import flags_in_state
from service.web.api.schemas import CallGiven
from service.web.api.views import FlagView, flag_view, flag_views
from service.web.deps import CallerKey, Db, Now
from service.web.errors import described

router = APIRouter(prefix="/flags", tags=["flags"])


@router.get("")
def list_flags(
    db: Db, caller: CallerKey, state: Literal["open", "owned", "closed", "waiting"] = "waiting"
) -> list[FlagView]:
    """The clinic's flags, most urgent first; `waiting` is every flag that is not closed."""
    wanted = None if state == "waiting" else FlagState(state)
    return flag_views(db, flags_in_state(db, caller.clinic_id, wanted))


@router.post("/{flag_id}/own", responses=described(404, 409))
def own(flag_id: UUID, db: Db, caller: CallerKey, now: Now) -> FlagView:
    """Take a flag; 409 if somebody else has it."""
    flag = callbacks.own(db, caller.clinic_id, flag_id, by=caller.name, now=now)
    return flag_view(db, flag)


@router.post("/{flag_id}/calls", status_code=201, responses=described(404, 409))
def record_call(flag_id: UUID, given: CallGiven, db: Db, caller: CallerKey, now: Now) -> FlagView:
    """Record how a call went: reaching the patient closes the flag, else the next try is set."""
    flag = callbacks.record_call(
        db, caller.clinic_id, flag_id, given.outcome, given.note, caller.name, now
    )
    return flag_view(db, flag)
