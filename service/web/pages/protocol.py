"""The protocol, for admins: its schedule tried on an invented patient, and its wordings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from service.domain.protocol import CURRENT_VERSION, load_protocol
from service.domain.values import Channel, HealthFlag, HeatIcePlan, Language, TriggerPoints
from service.domain.windows import at_local_time, zone_named
from service.domain.wording import UnknownText
from service.pathway.draft_reading import name_in_use, version_to_change
from service.pathway.drafting import change_text, stand_of
from service.pathway.invented import Invented, try_on
from service.pathway.protocol_reading import (
    LONGEST_TRIED,
    show_schedule,
    show_wording,
    show_wordings,
    try_wording,
    wording_to_change,
)
from service.web.deps import Db, Now
from service.web.pages.staff import Admin, draw_staff, go, staff_routes


def router() -> APIRouter:
    """Return the routes under `/settings/protocol`."""
    routes = staff_routes("/settings/protocol", admins_only=True)

    @routes.get("")
    def show(
        request: Request,
        db: Db,
        now: Now,
        staff: Admin,
        ended: datetime | None = None,
        region: str = "upper_trap",
        language: Language = Language.EN,
        channel: Channel = Channel.SMS,
        returning: bool = False,
        points: TriggerPoints = TriggerPoints.LOW,
        plan: HeatIcePlan = HeatIcePlan.EITHER,
        flag: Annotated[list[HealthFlag], Query(max_length=20)] = [],  # noqa: B006
        guardian: bool = False,
        drafted: bool = False,
        done: str = "",
    ) -> Response:
        if region not in load_protocol(CURRENT_VERSION).regions:
            raise HTTPException(404)
        stand = stand_of(db, staff.clinic)
        version = stand.draft.version if drafted and stand.draft else stand.version
        invented = Invented(
            ended_at=_moment(ended, staff.clinic.time_zone) or now,
            region=region,
            language=language,
            channel=channel,
            first_session=not returning,
            trigger_points=points,
            plan=plan,
            health_flags=frozenset(flag),
            guardian=guardian,
        )
        return draw_staff(
            request,
            "settings_protocol",
            staff,
            shown=show_schedule(version),
            stand=stand,
            in_use=name_in_use(stand),
            drafted=version != stand.version,
            done=done,
            zone=zone_named(staff.clinic.time_zone),
            invented=invented,
            ended=invented.ended_at.astimezone(zone_named(staff.clinic.time_zone)),
            plan=try_on(staff.clinic, invented, version, invented.ended_at),
        )

    @routes.get("/texts")
    def wordings(request: Request, staff: Admin) -> Response:
        return draw_staff(request, "settings_wordings", staff, groups=show_wordings(staff.clinic))

    @routes.get("/texts/{key}")
    def wording(
        request: Request, db: Db, key: str, staff: Admin, language: Language = Language.EN
    ) -> Response:
        try:
            text = wording_to_change(version_to_change(db, staff.clinic), key, language)
        except UnknownText:
            raise HTTPException(404) from None
        return _drawn(request, staff, key, language, text)

    @routes.post("/texts/{key}")
    def attempt(
        request: Request,
        key: str,
        staff: Admin,
        language: Annotated[Language, Form()],
        text: Annotated[str, Form(max_length=LONGEST_TRIED)] = "",
    ) -> Response:
        return _drawn(request, staff, key, language, text)

    @routes.post("/texts/{key}/keep")
    def keep(
        request: Request,
        db: Db,
        now: Now,
        key: str,
        staff: Admin,
        language: Annotated[Language, Form()],
        text: Annotated[str, Form(max_length=LONGEST_TRIED)] = "",
    ) -> Response:
        try:
            problems = change_text(db, staff, key, language, text.strip(), now)
        except UnknownText:
            raise HTTPException(404) from None
        if problems:
            return _drawn(request, staff, key, language, text, status=422)
        return go("/settings/protocol/draft?done=text")

    return routes


def _drawn(
    request: Request,
    staff: Admin,
    key: str,
    language: Language,
    text: str,
    *,
    status: int = 200,
) -> Response:
    try:
        return draw_staff(
            request,
            "settings_wording",
            staff,
            status=status,
            key=key,
            language=language,
            shown=show_wording(staff.clinic, key),
            tried=try_wording(staff.clinic, key, language, text),
        )
    except UnknownText:
        raise HTTPException(404) from None


def _moment(local: datetime | None, zone: str) -> datetime | None:
    """Return the moment that a clock at the clinic shows so; a form's field knows no zone."""
    if local is None:
        return None
    return at_local_time(local.date(), local.time().replace(tzinfo=None), zone_named(zone))
