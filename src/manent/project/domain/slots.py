"""Reads the slots of a domain in format 3.1: types, initial values, mappings. Called by `definition`."""

from typing import Any, cast, get_args

from manent.core.domain import Condition, MappingType, Slot, SlotMapping, SlotType
from manent.extensions.points import SLOTS
from manent.project.problems import Spot, did_you_mean, one_of
from manent.project.settings.options import find_class
from manent.project.yaml.documents import plain

SLOT_TYPES: tuple[str, ...] = ("any", "bool", "categorical", "float", "list", "text")
SLOT_CLASSES = {
    "TextSlot": "text",
    "BooleanSlot": "bool",
    "FloatSlot": "float",
    "ListSlot": "list",
    "CategoricalSlot": "categorical",
    "AnySlot": "any",
    "UnfeaturizedSlot": "unfeaturized",
}
"""Rasa's slot classes. `type:` can also contain the module path of a class."""

SLOT_KEYS = (
    "type",
    "initial_value",
    "influence_conversation",
    "mappings",
    "values",
    "min_value",
    "max_value",
    "value_reset_delay",
)
MAPPING_KEYS = ("type", "entity", "role", "group", "intent", "not_intent", "value", "action", "conditions")
MAPPING_TYPES: tuple[str, ...] = get_args(MappingType)
_MODULE_OF_SLOTS = "rasa."
ANY_LABEL = "any_label"
"""Key that the conversion from format 2.0 adds to a mapping. With this key, the entity can have any role and group."""


def read_slot(name: str, spot: Spot) -> Slot | None:
    """Read a slot's definition. Return None if it cannot be used."""
    if not isinstance(spot.value, dict):
        spot.error("slots.definition", "the slot's type and mappings", f"Write `{name}: {{type: text, mappings: []}}`")
        return None
    slot_type = read_slot_type(spot)
    if slot_type != "custom":  # the class of a custom slot can have other options
        spot.only(SLOT_KEYS, "slots.unknown-key", "an option that a slot can have")
    if slot_type is None:
        return None
    influence = _influence(spot, slot_type)
    low, high = _range(spot) if slot_type == "float" else (0.0, 1.0)
    initial = spot.get("initial_value")
    return Slot(
        name=name,
        type=slot_type,
        initial_value=plain(initial.value) if initial is not None else None,
        influence_conversation=influence,
        mappings=_mappings(spot),
        values=_values(spot) if slot_type == "categorical" else (),
        min_value=low,
        max_value=high,
        slot_class=str(spot.value["type"]) if slot_type == "custom" else "",
        options=_options(spot) if slot_type == "custom" else {},
    )


def read_slot_type(spot: Spot) -> SlotType | None:
    """Return a slot's type. Report a missing or unknown type."""
    found = spot.get("type")
    if found is None:
        spot.error("slots.no-type", f"`type:`, {one_of(SLOT_TYPES)}", "Add type: text", found="a slot without a type")
        return None
    written = str(found.value)
    if written.startswith(_MODULE_OF_SLOTS):
        written = SLOT_CLASSES.get(written.rpartition(".")[2], written)
    if written in SLOT_TYPES:
        return cast("SlotType", written)
    if "." in written:
        return "custom" if find_class(SLOTS, written, found, "slots.class") is not None else None
    hints = {"integer": "float", "int": "float", "number": "float", "string": "text", "str": "text", "boolean": "bool"}
    hint = hints.get(written.lower())
    suggestion = f'Did you mean "{hint}"?' if hint else did_you_mean(written, SLOT_TYPES)
    if written == "unfeaturized":
        suggestion = "Write type: any and influence_conversation: false (`manent data migrate` does this)"
    found.error("slots.unknown-type", one_of(SLOT_TYPES), suggestion)
    return None


def _options(spot: Spot) -> dict[str, Any]:
    """Return the options of a custom slot that are not options of every slot."""
    every = ("type", "initial_value", "influence_conversation", "mappings")
    return {name: plain(option.value) for name, option in spot.entries() if name not in every}


def _influence(spot: Spot, slot_type: SlotType) -> bool:
    found = spot.get("influence_conversation")
    flag = found.flag() if found is not None else None
    if slot_type == "any":
        if flag and found is not None:
            found.error(
                "slots.influence",
                "false, because a slot of type any cannot influence the conversation",
                "Use another type, or influence_conversation: false",
            )
        return False
    return flag is not False


def _range(spot: Spot) -> tuple[float, float]:
    limits = {"min_value": 0.0, "max_value": 1.0}
    for key in limits:
        found = spot.get(key)
        if found is not None and (number := found.number()) is not None:
            limits[key] = float(number)
    low, high = limits.values()
    if not low < high:
        spot.error("slots.range", "min_value below max_value", found=f"min_value {low:g} and max_value {high:g}")
        return 0.0, 1.0
    initial = spot.get("initial_value")
    if initial is not None and isinstance(initial.value, (int, float)) and not low <= initial.value <= high:
        initial.warn("slots.initial-value", f"a number from {low:g} to {high:g} (min_value, max_value)")
    return low, high


def _values(spot: Spot) -> tuple[str, ...]:
    found = spot.get("values")
    if found is None or found.value in (None, []):
        (found or spot).warn(
            "slots.no-values", "the values of the categorical slot", "Add `values:`", found="no values"
        )
        return ()
    texts = [text for item in found.items() if item.value is not None and (text := item.text()) is not None]
    return tuple(dict.fromkeys(text.lower() for text in texts))


# --- mappings -------------------------------------------------------------------------------------------------------


def _mappings(spot: Spot) -> tuple[SlotMapping, ...]:
    found = spot.get("mappings")
    if found is None:
        spot.error(
            "slots.no-mappings",
            "`mappings:` that define when the slot is filled",
            "Add `mappings: [{type: custom}]` if only actions set the slot",
            found="a slot without mappings",
        )
        return ()
    if found.value is None:
        return ()
    return tuple(mapping for item in found.items() if (mapping := read_mapping(item)) is not None)


def read_mapping(spot: Spot) -> SlotMapping | None:
    """Read one mapping and report its mistakes. Return None if it cannot be used."""
    if not isinstance(spot.value, dict):
        spot.error("slots.mapping", "a mapping such as `type: from_text`")
        return None
    known = (*MAPPING_KEYS, *([ANY_LABEL] if ANY_LABEL in spot.value else []))
    spot.only(known, "slots.mapping-key", "a key that a mapping can have", warns=True)
    kind = spot.get("type")
    if kind is None:
        spot.error("slots.mapping-type", f"`type:`, {one_of(MAPPING_TYPES)}", found="a mapping without a type")
        return None
    if kind.value not in MAPPING_TYPES:
        kind.error("slots.mapping-type", one_of(MAPPING_TYPES), did_you_mean(kind.value, MAPPING_TYPES))
        return None
    mapping_type = cast("MappingType", kind.value)
    entity = _optional_name(spot, "entity", "the name of an entity")
    value = spot.get("value")
    if mapping_type == "from_entity" and spot.get("entity") is None:
        spot.error(
            "slots.mapping-entity",
            "`entity:` with the entity that fills the slot",
            found="from_entity without an entity",
        )
        return None
    if mapping_type in ("from_intent", "from_trigger_intent") and (value is None or value.value is None):
        (value or spot).error(
            "slots.mapping-value",
            "`value:` with the value for the slot (not null)",
            "An action can set a slot to null",
            found=f"{mapping_type} without a value",
        )
        return None
    return SlotMapping(
        type=mapping_type,
        entity=entity,
        role=_optional_name(spot, "role", "the name of a role"),
        group=_optional_name(spot, "group", "the name of a group"),
        intents=_intents(spot, "intent"),
        not_intents=_intents(spot, "not_intent"),
        value=plain(value.value) if value is not None else None,
        action=_optional_name(spot, "action", "the name of an action"),
        conditions=_conditions(spot),
        any_label=spot.value.get(ANY_LABEL) is True,
    )


def _optional_name(spot: Spot, key: str, what: str) -> str | None:
    found = spot.get(key)
    return found.name(what) if found is not None and found.value is not None else None


def _intents(spot: Spot, key: str) -> tuple[str, ...]:
    found = spot.get(key)
    return found.names("the name of an intent") if found is not None and found.value is not None else ()


def _conditions(spot: Spot) -> tuple[Condition, ...]:
    found = spot.get("conditions")
    if found is None:
        return ()
    conditions = []
    for item in found.items():
        if not isinstance(item.value, dict):
            item.error("slots.condition", "`active_loop:` with the name of a form, or null")
            continue
        if "active_loop" not in item.value:
            item.warn(
                "slots.condition",
                "`active_loop:` with the name of a form, or null",
                "Without active_loop, the condition means that no form is active",
                found="a condition without active_loop",
            )
            conditions.append(Condition(active_loop=None))
            continue
        item.only(("active_loop", "requested_slot"), "slots.condition", "a key that a condition can have")
        conditions.append(
            Condition(
                active_loop=_optional_name(item, "active_loop", "the name of a form, or null"),
                requested_slot=_optional_name(item, "requested_slot", "the name of a slot"),
            )
        )
    return tuple(conditions)
