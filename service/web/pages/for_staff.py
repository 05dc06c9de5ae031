"""Every page for staff, put together."""

from __future__ import annotations

from fastapi import APIRouter

from service.web.pages import (
    account,
    api_keys,
    calls,
    card,
    importing,
    insights,
    joining,
    on_call,
    people,
    protocol,
    protocol_draft,
    resetting,
    sending,
    settings,
    signing_in,
    standing,
    today,
    treatment,
    waiting,
)


def staff_pages(*, live: bool = True) -> tuple[APIRouter, ...]:
    """Return the routes of all of them; without `live` an open call list is told news once."""
    return (
        signing_in.router(),
        joining.router(),
        account.router(),
        resetting.router(),
        today.router(),
        card.router(),
        importing.router(),
        treatment.router(),
        calls.router(live=live),
        standing.router(),
        insights.router(),
        waiting.router(),
        settings.router(),
        on_call.router(),
        api_keys.router(),
        sending.router(),
        people.router(),
        protocol.router(),
        protocol_draft.router(),
    )
