"""Creates a `Domain` from a merged domain in format 3.1. Checks every entry and reports mistakes with their lines.

Called by `reading`, after `format_2` has converted a domain of format 2.0. Slots and responses are read in separate
modules.
"""

from typing import Any

from manent.core.domain import (
    DEFAULT_INTENTS,
    REQUESTED_SLOT,
    SESSION_METADATA_SLOT,
    Domain,
    Entity,
    Form,
    Intent,
    SessionConfig,
    Slot,
)
from manent.core.events import Json
from manent.project.domain.merging import RawDomain, item_options
from manent.project.domain.responses import read_response
from manent.project.domain.slots import ANY_LABEL, read_slot
from manent.project.problems import Spot, did_you_mean
from manent.project.yaml.documents import plain

INTENT_KEYS = ("use_entities", "ignore_entities", "is_retrieval_intent", "triggers")
"""Options of an intent. `triggers` belongs to format 2.x; `policies_2x` converts it to a rule."""
ENTITY_KEYS = ("roles", "groups", "influence_conversation")
FORM_KEYS = ("required_slots", "ignored_intents")
SESSION_KEYS = ("session_expiration_time", "carry_over_slots_to_new_session")
KNOWLEDGE_BASE_ACTION = "action_query_knowledge_base"
KNOWLEDGE_BASE_SLOTS = (
    "knowledge_base_listed_objects",
    "knowledge_base_last_object",
    "knowledge_base_last_object_type",
)


def build_domain(raw: RawDomain, *, is_legacy: bool = False, legacy_forms: Json | None = None) -> Domain:
    """Create the domain from a merged domain.

    Args:
        raw: merged domain in format 3.1. Its spots refer to the report that receives the problems.
        is_legacy: whether the domain was converted from format 2.0.
        legacy_forms: the original `forms` section, if it was converted.
    """
    entities = {name: _entity(name, spot) for name, spot in raw.entities.items()}
    intents = {name: _intent(name, spot) for name, spot in raw.intents.items()}
    for name in DEFAULT_INTENTS:
        intents.setdefault(name, Intent(name=name))
    forms = {name: _form(name, spot, raw) for name, spot in raw.forms.items()}
    actions, send_domain = _actions(raw)
    slots = {name: slot for name, spot in raw.slots.items() if (slot := read_slot(name, spot)) is not None}
    for required in dict.fromkeys(slot for form in forms.values() for slot in form.required_slots):
        if required not in slots and required not in raw.slots:
            slots[required] = Slot(name=required, influence_conversation=False)
    _add_automatic_slots(slots, has_forms=bool(forms or raw.listed_forms), actions=actions)
    return Domain(
        intents=intents,
        entities=entities,
        slots=slots,
        responses={name: read_response(name, spot) for name, spot in raw.responses.items()},
        forms=forms,
        actions=actions,
        send_domain=send_domain,
        e2e_actions=tuple(sorted(raw.e2e_actions)),
        session=_session(raw.session),
        store_entities_as_slots=_store_entities_as_slots(raw.config),
        original=_original(raw),
        legacy_forms=legacy_forms,
        is_legacy=is_legacy,
    )


def _intent(name: str, item: Spot) -> Intent:
    options = item_options(item)
    if options is None:
        return Intent(name=name)
    if not isinstance(options.value, dict):
        options.error("intents.options", "options of the intent, or only its name", f"Write `- {name}`")
        return Intent(name=name)
    options.only(INTENT_KEYS, "intents.unknown-key", "an option that an intent can have", warns=True)
    used: tuple[str, ...] | None = None
    if (spot := options.get("use_entities")) is not None and spot.value is not True:
        used = spot.names("the name of an entity") if spot.value else ()
    ignored: tuple[str, ...] = ()
    if (spot := options.get("ignore_entities")) is not None and spot.value:
        ignored = spot.names("the name of an entity")
    retrieval = options.get("is_retrieval_intent")
    return Intent(
        name=name,
        used_entities=used,
        ignored_entities=ignored,
        is_retrieval=bool(retrieval is not None and retrieval.flag()),
    )


def _entity(name: str, item: Spot) -> Entity:
    options = item_options(item)
    if options is None or options.value is None:
        return Entity(name=name)
    options.only(ENTITY_KEYS, "entities.unknown-key", "an option that an entity can have", warns=True)
    labels = {}
    for key in ("roles", "groups"):
        spot = options.get(key)
        labels[key] = spot.texts(f"the name of one of the {key}") if spot is not None else ()
    influence = options.get("influence_conversation")
    return Entity(
        name=name,
        roles=labels["roles"],
        groups=labels["groups"],
        influence_conversation=influence is None or influence.flag() is not False,
    )


def _form(name: str, spot: Spot, raw: RawDomain) -> Form:
    if not isinstance(spot.value, dict):
        _no_slots(spot)
        return Form(name=name)
    spot.only(FORM_KEYS, "forms.unknown-key", "an option that a form can have")
    required = spot.get("required_slots")
    slots: tuple[str, ...] = ()
    if required is None:
        _no_slots(spot)
    elif isinstance(required.value, list):
        slots = tuple(slot for item in required.items() if (slot := _required_slot(item, raw)) is not None)
    else:
        required.error("forms.required-slots", "a list of slots (lines starting with `- `)")
    ignored = spot.get("ignored_intents")
    return Form(
        name=name,
        required_slots=slots,
        ignored_intents=ignored.names("the name of an intent") if ignored is not None and ignored.value else (),
    )


def _no_slots(spot: Spot) -> None:
    spot.error(
        "forms.no-slots",
        "`required_slots:` with the slots for which the form asks",
        "Add required_slots (`required_slots: []` if actions determine the slots at run time)",
        found="a form without required_slots",
    )


def _required_slot(item: Spot, raw: RawDomain) -> str | None:
    name = item.name("the name of a slot")
    if name is not None and name not in raw.slots and not raw.is_broken:
        item.warn(
            "forms.unknown-slot",
            "a slot under `slots:` (only an action can fill an unknown slot, so the form waits for it)",
            did_you_mean(name, raw.slots) or f'Add "{name}" to `slots:`',
        )
    return name


def _actions(raw: RawDomain) -> tuple[tuple[str, ...], frozenset[str]]:
    wants_domain = set()
    for name, item in raw.actions.items():
        options = item_options(item)
        if options is not None:
            options.only(("send_domain",), "actions.unknown-key", "an option that an action can have")
            if (spot := options.get("send_domain")) is not None and spot.flag():
                wants_domain.add(name)
    names = dict.fromkeys(raw.actions)
    return tuple(names | dict.fromkeys(raw.listed_forms)), frozenset(wants_domain)


def _session(spot: Spot | None) -> SessionConfig:
    if spot is None or spot.value is None:
        return SessionConfig()
    spot.only(SESSION_KEYS, "session.unknown-key", "an option that session_config can have", warns=True)
    expiration: float | None = None
    carry_over: bool | None = None
    if (found := spot.get("session_expiration_time")) is not None:
        expiration = found.number()
        if expiration is not None and not 0 <= expiration < float("inf"):
            found.error("session.expiration", "a number of minutes, or 0 for a session that never expires")
            expiration = None
    if (found := spot.get("carry_over_slots_to_new_session")) is not None:
        carry_over = found.flag()
    return SessionConfig(
        expiration_time_min=60.0 if expiration is None else float(expiration),
        carry_over_slots=carry_over is not False,
    )


def _store_entities_as_slots(config: Spot | None) -> bool:
    spot = config.get("store_entities_as_slots") if config is not None else None
    return spot is None or spot.flag() is not False


def _add_automatic_slots(slots: dict[str, Slot], *, has_forms: bool, actions: tuple[str, ...]) -> None:
    if has_forms and REQUESTED_SLOT not in slots:
        slots[REQUESTED_SLOT] = Slot(name=REQUESTED_SLOT, influence_conversation=False, automatic=True)
    any_slots = [SESSION_METADATA_SLOT]
    if KNOWLEDGE_BASE_ACTION in actions:
        any_slots += KNOWLEDGE_BASE_SLOTS
    for name in any_slots:
        if name not in slots:
            slots[name] = Slot(name=name, type="any", influence_conversation=False, automatic=True)


def _original(raw: RawDomain) -> Json:
    """Return the domain for `GET /domain`.

    The result contains only the sections that the project has, with intents in alphabetical order.
    """
    original: Json = {"version": "3.1"}
    lists: dict[str, list[Any]] = {
        "intents": [plain(raw.intents[name].value) for name in sorted(raw.intents)],
        "entities": [plain(item.value) for item in raw.entities.values()],
    }
    maps = {
        section: {name: plain(spot.value) for name, spot in getattr(raw, section).items()}
        for section in ("slots", "responses", "forms")
    }
    for slot in maps["slots"].values():
        for mapping in slot.get("mappings") or [] if isinstance(slot, dict) else []:
            if isinstance(mapping, dict):
                mapping.pop(ANY_LABEL, None)
    actions = [plain(item.value) for item in raw.actions.values()]
    actions += [name for name in raw.listed_forms if name not in raw.actions]
    sections: Json = {**lists, "slots": maps["slots"], "responses": maps["responses"], "actions": actions}
    sections |= {"forms": maps["forms"], "e2e_actions": sorted(raw.e2e_actions)}
    original |= {name: section for name, section in sections.items() if section}
    session = plain(raw.session.value) if raw.session is not None and isinstance(raw.session.value, dict) else {}
    original["session_config"] = {"session_expiration_time": 60, "carry_over_slots_to_new_session": True} | session
    if raw.config is not None and isinstance(raw.config.value, dict):
        original["config"] = plain(raw.config.value)
    return original
