"""Which steps a session asks for, and in which form: consents, health flags, regions."""

from __future__ import annotations

from service.domain.protocol.model import Condition, Form, Part, Protocol, SentBy, Step
from service.domain.values import (
    Channel,
    HealthFlag,
    HeatIcePlan,
    PatientFacts,
    SessionFacts,
    TriggerPoints,
)

NO_MOVES = "none"
"""What `move_plan` says when the therapist wants no movement advice sent."""


def consented_channels(patient: PatientFacts) -> tuple[Channel, ...]:
    """The channels that the patient agreed to, the preferred one first."""
    agreed = []
    if patient.consents.sms:
        agreed.append(Channel.SMS)
    if patient.consents.email:
        agreed.insert(0 if patient.channel is Channel.EMAIL else 1, Channel.EMAIL)
    return tuple(agreed)


def channels_of(step: Step, patient: PatientFacts) -> tuple[Channel, ...]:
    """On which channels a step's message goes to this patient; none when it is not for them."""
    agreed = consented_channels(patient)
    if not agreed:
        return ()
    match step.sent_by:
        case SentBy.EACH:
            return agreed
        case SentBy.TEXTS:
            return agreed[:1] if agreed[0] is Channel.SMS else ()
        case SentBy.EMAILS:
            return agreed[:1] if agreed[0] is Channel.EMAIL else ()
        case SentBy.SMS:
            return (Channel.SMS,) if Channel.SMS in agreed else ()
        case SentBy.PREFERRED | SentBy.AS_ANSWERED:
            return agreed[:1]


def is_asked_for(
    step: Step, session: SessionFacts, patient: PatientFacts, protocol: Protocol, *, welcomed: bool
) -> bool:
    """Whether the schedule's condition for the step holds."""
    match step.sent_when:
        case Condition.ALWAYS:
            return True
        case Condition.NOT_WELCOMED:
            return not welcomed
        case Condition.CHEST_ADJACENT:
            return is_chest_adjacent(session, protocol)
        case Condition.NO_FLUID_LIMIT:
            return drinks_freely(patient)
        case Condition.MAY_MOVE:
            return session.move_plan != NO_MOVES
        case Condition.SORENESS_LIKELY:
            sore_prone = any(protocol.region(code).sore_prone for code in session.regions)
            high = session.trigger_points is TriggerPoints.HIGH
            return session.first_session or high or sore_prone


def drinks_freely(patient: PatientFacts) -> bool:
    """Whether the patient may be told to drink water."""
    return HealthFlag.FLUID_LIMIT not in patient.health_flags


def is_chest_adjacent(session: SessionFacts, protocol: Protocol) -> bool:
    """Whether the lung was within reach of any needle."""
    return any(protocol.region(code).chest_adjacent for code in session.regions)


def wording_for(
    step: Step, session: SessionFacts, patient: PatientFacts, protocol: Protocol
) -> str:
    """The key of the text this patient gets."""
    forms = _forms(session, patient, protocol)
    return next(
        (key for form, key in step.wording.forms.items() if form in forms), step.wording.usual
    )


def slots_for(
    step: Step, session: SessionFacts, patient: PatientFacts, protocol: Protocol
) -> dict[str, str]:
    """The patient's own parts of the text.

    `region` is a code and `move_text` the therapist's words; the others say which form or section
    of an email applies. The region is named only to patients who agreed to treatment details; the
    therapist's words are sent as they are, because general advice might contradict them.
    """
    own_moves = None if session.move_plan == NO_MOVES else session.move_plan
    slots: dict[str, str] = {}
    for part in step.personal:
        match part:
            case Part.REGION:
                slots["region"] = _region_to_name(session, patient, bool(own_moves))
            case Part.MOVE if own_moves:
                slots["move_text"] = own_moves
            case Part.HEAT_ICE:
                heat_ice = protocol.step("heat_ice")
                slots["heat_ice"] = wording_for(heat_ice, session, patient, protocol)
            case Part.FLUID_LIMIT if not drinks_freely(patient):
                slots["fluid_limit"] = "yes"
            case Part.CHEST if is_chest_adjacent(session, protocol):
                slots["chest"] = "yes"
            case _:
                pass
    return slots


def heat_ice_conflict(
    session: SessionFacts, patient: PatientFacts, protocol: Protocol
) -> str | None:
    """Why the therapist's plan for heat or ice cannot be passed on, or None when it can."""
    if session.plan is HeatIcePlan.HEAT:
        blocks = _no_heat(session, patient, protocol)
    elif session.plan is HeatIcePlan.ICE:
        blocks = patient.health_flags & protocol.heat_ice.no_cold
    else:
        blocks = frozenset()
    if not blocks:
        return None
    because = ", ".join(sorted(flag.value.replace("_", " ") for flag in blocks))
    return (
        f"The plan says {session.plan.value}, but the patient's record says: {because}. "
        "The patient is told to use neither heat nor ice; please check the plan."
    )


def _forms(session: SessionFacts, patient: PatientFacts, protocol: Protocol) -> frozenset[Form]:
    forms = set()
    if not drinks_freely(patient):
        forms.add(Form.FLUID_LIMIT)
    if patient.guardian:
        forms.add(Form.GUARDIAN)
    heat_ice = _heat_ice_form(session, patient, protocol)
    if heat_ice:
        forms.add(heat_ice)
    return frozenset(forms)


def _heat_ice_form(session: SessionFacts, patient: PatientFacts, protocol: Protocol) -> Form | None:
    """The rule "Heat or ice" of `clinical-protocol` A; None leaves the choice to the patient."""
    heat = not _no_heat(session, patient, protocol)
    ice = not patient.health_flags & protocol.heat_ice.no_cold
    match session.plan:
        case HeatIcePlan.HEAT:
            return Form.HEAT_ONLY if heat else Form.NO_HEAT_ICE
        case HeatIcePlan.ICE:
            return Form.ICE_ONLY if ice else Form.NO_HEAT_ICE
        case HeatIcePlan.NONE:
            return Form.NO_HEAT_ICE
        case HeatIcePlan.EITHER | HeatIcePlan.UNSET:
            if heat and ice:
                return None
            if heat:
                return Form.HEAT_ONLY
            return Form.ICE_ONLY if ice else Form.NO_HEAT_ICE


def _no_heat(
    session: SessionFacts, patient: PatientFacts, protocol: Protocol
) -> frozenset[HealthFlag]:
    """The health flags that keep heat from this patient."""
    blocks = patient.health_flags & protocol.heat_ice.no_heat
    if any(protocol.region(code).no_heat_when_pregnant for code in session.regions):
        blocks |= patient.health_flags & {HealthFlag.PREGNANT}
    return blocks


def _region_to_name(session: SessionFacts, patient: PatientFacts, has_own_moves: bool) -> str:
    """The first region, or `generic` when it must not be named or its moves must not be given."""
    if not patient.consents.details or not session.regions:
        return "generic"
    if HealthFlag.PREGNANT in patient.health_flags and not has_own_moves:
        return "generic"
    return session.regions[0]
